#pragma once
// Names of addresses and ids on this machine, each source read when first asked for.
#include <map>
#include <memory>

#include "artifact/schema.h"
#include "probes/host.h"
#include "runtime/format/names.h"
#include "runtime/kernel_symbols.h"
#include "runtime/process_events.h"
#include "runtime/stacks.h"
#include "runtime/user_symbols.h"

namespace awl {

class MachineNames : public Names {
 public:
  MachineNames(const artifact::Meta& meta, Host& host, SymbolStyle style);

  std::optional<SymbolName> kernel_symbol(uint64_t address) override;
  std::optional<SymbolName> user_symbol(uint64_t address, uint32_t pid) override;
  std::string user_name(uint64_t uid) override;
  std::string cgroup_path(uint64_t id, std::string_view filter) override;
  std::string probe(uint64_t id) override;
  std::string timestamp(uint64_t nanoseconds, std::string_view format, uint32_t clock) override;
  std::span<const uint8_t> stack(const artifact::StackKey& key) override { return stacks.find(key); }
  std::string_view string(uint64_t index) override;

  // The attach points that a program's matches stand for; see Kind::probe.
  void set_matches(size_t program, std::vector<std::string> names);

  Stacks stacks;
  UserSymbols users;
  ProcessEvents processes;

 private:
  const artifact::Meta* meta_;
  Host* host_;
  std::unique_ptr<KernelSymbols> kernel_;
  std::map<uint64_t, std::string> user_names_;
  std::map<size_t, std::vector<std::string>> matches_;
};

}  // namespace awl
