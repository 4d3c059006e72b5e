#pragma once
// A script taken through the passes against a fake world.
#include "builtins/builtin.h"
#include "fake_host.h"
#include "parser/parse.h"
#include "semantic/unit.h"

namespace awl {

inline void add_tracepoint(FakeHost& host, const std::string& category, const std::string& name, const std::string& fields) {
  host.files["/sys/kernel/tracing/events/" + category + "/" + name + "/format"] = "name: " + name + "\nID: 1\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n" + fields + "\nprint fmt: \"\"\n";
}

inline std::unique_ptr<FakeHost> sample_world() {
  auto host = std::make_unique<FakeHost>();
  host->vmlinux = make_sample_btf();
  host->functions = {"vfs_read", "vfs_write", "tcp_connect"};
  host->elf["/bin/sample"] = {{"main", 0x1000, 0x1000, 16}};
  host->notes["/bin/sample"] = {{"shop", "paid", 0x1004, 0x1004, 0, "8f@%xmm0 -4@%edi"}, {"shop", "sold", 0x1008, 0x1008, 0, "8@%rdi"}, {"shop", "sold", 0x100c, 0x100c, 0, "8@%rsi"}};
  host->symbols = {{"vfs_read", 0x1000}, {"vfs_write", 0x2000}};
  add_tracepoint(*host, "sched", "sched_switch", "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n");
  add_tracepoint(*host, "sched", "sched_exec", "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n");
  return host;
}

struct Compiled {
  std::unique_ptr<FakeHost> host;
  Sources sources;
  Diagnostics diagnostics{sources};
  std::unique_ptr<Unit> unit;

  explicit Compiled(std::string script, std::string_view last = "plan", CompileOptions options = {.parameters_known = true}, std::unique_ptr<FakeHost> world = sample_world())
      : host(std::move(world)) {
    uint32_t file = sources.add("stdin", std::move(script));
    unit = std::make_unique<Unit>(sources, diagnostics, *host, std::move(options));
    unit->script = parse(sources, file, diagnostics, [](std::string_view name) { return find_builtin(name) != nullptr; });
    if (!diagnostics.has_errors()) run_until(*unit, last);
  }
  std::string messages() const { return render(diagnostics, {}); }
  std::string type(const std::string& variable) const {
    for (const ProbeInstance& p : unit->probes)
      if (auto found = p.variables.find(variable); found != p.variables.end()) return TypeTable::text(found->second.type);
    auto map = unit->maps.find(variable);
    return map == unit->maps.end() ? "none" : TypeTable::text(map->second.value);
  }
  std::string key(const std::string& map) const { return TypeTable::text(unit->maps.at(map).key); }
};

}  // namespace awl
