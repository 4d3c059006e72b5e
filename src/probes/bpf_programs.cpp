// Loaded BPF programs, and the functions in them.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "probes/linux_host.h"

namespace awl {
namespace {

// Adds the functions of one program. One without type information has none.
void add_functions(uint32_t id, int program, std::vector<BpfFunction>& functions) {
  bpf_prog_info info{};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return;
  if (info.btf_id == 0 || info.nr_func_info == 0 || info.type == BPF_PROG_TYPE_TRACING || info.func_info_rec_size < sizeof(bpf_func_info)) return;
  const BtfPtr types(btf__load_from_kernel_by_id(info.btf_id));
  if (!types) return;
  const uint32_t count = info.nr_func_info, record = info.func_info_rec_size;
  std::vector<char> records(size_t{count} * record);
  info = {};
  info.nr_func_info = count;
  info.func_info = reinterpret_cast<uint64_t>(records.data());
  info.func_info_rec_size = record;
  size = sizeof info;
  if (bpf_obj_get_info_by_fd(program, &info, &size) != 0) return;
  for (uint32_t i = 0; i < std::min(count, info.nr_func_info); ++i) {
    bpf_func_info at{};
    __builtin_memcpy(&at, records.data() + size_t{i} * record, sizeof at);
    const btf_type* function = btf__type_by_id(types.get(), at.type_id);
    const char* name = function ? btf__name_by_offset(types.get(), function->name_off) : nullptr;
    if (name && *name) functions.push_back({id, name});
  }
}

}  // namespace

LinuxHost::~LinuxHost() {
  for (const auto& [id, descriptor] : bpf_programs_) close(descriptor);
}

Result<std::vector<BpfFunction>> LinuxHost::bpf_functions() {
  std::vector<BpfFunction> functions;
  uint32_t id = 0;
  while (bpf_prog_get_next_id(id, &id) == 0) {
    const Fd program{bpf_prog_get_fd_by_id(id)};
    // It may be gone by now.
    if (program) add_functions(id, program.get(), functions);
  }
  if (errno != ENOENT) return fail(errno, "cannot list the loaded BPF programs");
  return functions;
}

Result<int> LinuxHost::bpf_program_of(uint32_t id) {
  if (const auto found = bpf_programs_.find(id); found != bpf_programs_.end()) return found->second;
  const int descriptor = bpf_prog_get_fd_by_id(id);
  if (descriptor < 0) return fail(errno, "cannot open the BPF program with the id {}", id);
  return bpf_programs_[id] = descriptor;
}

}  // namespace awl
