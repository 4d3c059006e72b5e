// Features of the running kernel, each found out by trying it.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <string_view>

#include "base/fd.h"
#include "probes/linux_host.h"

namespace awl {
namespace {

constexpr bpf_insn move_imm(uint8_t reg, int32_t value) {
  return {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = reg, .src_reg = 0, .off = 0, .imm = value};
}
constexpr bpf_insn leave() { return {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}; }

int load(bpf_prog_type type, bpf_attach_type attach, std::span<const bpf_insn> code) {
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach);
  return bpf_prog_load(type, "awl_feature", "GPL", code.data(), code.size(), &options);
}

int load_empty(bpf_attach_type attach) {
  const bpf_insn code[] = {move_imm(BPF_REG_0, 0), leave()};
  return load(BPF_PROG_TYPE_KPROBE, attach, code);
}

// Attaches to a function that every kernel has and that is hardly ever called.
bool has_kprobe_multi(FunctionSide side) {
  const Fd program{load_empty(side == FunctionSide::both ? BPF_TRACE_KPROBE_SESSION : BPF_TRACE_KPROBE_MULTI)};
  if (!program) return false;
  const MultiTarget target{.symbol = "vfs_fallocate"};
  const Fd link{link_kprobe_multi(program.get(), {&target, 1}, side)};
  return static_cast<bool>(link);
}

bool has_uprobe_multi() {
  const Fd program{load_empty(BPF_TRACE_UPROBE_MULTI)};
  if (!program) return false;
  // "/" is no regular file: EBADF from kernels that get as far as looking at it, EINVAL from those that do not know the link.
  const unsigned long offset = 0;
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.uprobe_multi.path = "/";
  options.uprobe_multi.offsets = &offset;
  options.uprobe_multi.cnt = 1;
  const Fd link{bpf_link_create(program.get(), -1, BPF_TRACE_UPROBE_MULTI, &options)};
  return !link && errno == EBADF;
}

// r0 = atomic_fetch_add(stack slot, 1)
bool has_atomic_fetch() {
  const bpf_insn code[] = {
      move_imm(BPF_REG_1, 1),
      {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .src_reg = 0, .off = -8, .imm = 0},
      {.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = BPF_REG_10, .src_reg = BPF_REG_1, .off = -8, .imm = BPF_ADD | BPF_FETCH},
      move_imm(BPF_REG_0, 0),
      leave(),
  };
  const Fd program{load(BPF_PROG_TYPE_SOCKET_FILTER, bpf_attach_type{}, code)};
  return static_cast<bool>(program);
}

// Hash map keys of more than the 512 bytes of a program's stack.
bool has_large_keys() {
  const Fd map{bpf_map_create(BPF_MAP_TYPE_HASH, "awl_feature", 1024, 8, 1, nullptr)};
  return static_cast<bool>(map);
}

// { bpf_iter_num it; bpf_iter_num_new(&it, 0, 0); bpf_iter_num_destroy(&it); } with the functions as this kernel's BTF numbers them.
bool has_iterators() {
  btf* types = btf__load_vmlinux_btf();
  if (!types) return false;
  const int make = btf__find_by_name_kind(types, "bpf_iter_num_new", BTF_KIND_FUNC), destroy = btf__find_by_name_kind(types, "bpf_iter_num_destroy", BTF_KIND_FUNC);
  btf__free(types);
  if (make < 0 || destroy < 0) return false;
  auto move = [](uint8_t to, uint8_t from) { return bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from, .off = 0, .imm = 0}; };
  auto call = [](int function) { return bpf_insn{.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 0, .imm = function}; };
  const bpf_insn iterator_address{.code = BPF_ALU64 | BPF_ADD, .dst_reg = BPF_REG_1, .src_reg = 0, .off = 0, .imm = -8};
  const bpf_insn code[] = {
      move(BPF_REG_1, BPF_REG_10), iterator_address, move_imm(BPF_REG_2, 0), move_imm(BPF_REG_3, 0), call(make),
      move(BPF_REG_1, BPF_REG_10), iterator_address, call(destroy), move_imm(BPF_REG_0, 0), leave(),
  };
  const Fd program{load(BPF_PROG_TYPE_KPROBE, bpf_attach_type{}, code)};
  return static_cast<bool>(program);
}

bool has_kernel_function(const char* name) {
  btf* types = btf__load_vmlinux_btf();
  const bool has = types && btf__find_by_name_kind(types, name, BTF_KIND_FUNC) >= 0;
  btf__free(types);
  return has;
}

// Whether programs of a type may call a helper: the call has no arguments, so what counts is which reason the verifier gives.
bool has_helper(bpf_prog_type type, bpf_func_id helper) {
  const bpf_insn code[] = {{.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = static_cast<int32_t>(helper)}, move_imm(BPF_REG_0, 0), leave()};
  char log[4096] = "";
  LIBBPF_OPTS(bpf_prog_load_opts, options, .log_level = 1, .log_size = sizeof log, .log_buf = log);
  const Fd program{bpf_prog_load(type, "awl_feature", "GPL", code, std::size(code), &options)};
  const std::string_view said = log;
  const auto says = [&](std::string_view text) { return said.find(text) != std::string_view::npos; };
  return program || (!said.empty() && !says("invalid func ") && !says("unknown func ") && !says("cannot use helper"));
}

// Loads a program for the entry of a function that every kernel has.
bool has_fentry() {
  btf* types = btf__load_vmlinux_btf();
  if (!types) return false;
  const int function = btf__find_by_name_kind(types, "vfs_read", BTF_KIND_FUNC);
  btf__free(types);
  if (function < 0) return false;
  const bpf_insn code[] = {move_imm(BPF_REG_0, 0), leave()};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY, .attach_btf_id = static_cast<uint32_t>(function));
  const Fd program{bpf_prog_load(BPF_PROG_TYPE_TRACING, "awl_feature", "GPL", code, std::size(code), &options)};
  if (!program) return false;
  // Kernels without ftrace refuse it here.
  const Fd link{bpf_raw_tracepoint_open(nullptr, program.get())};
  return static_cast<bool>(link);
}

// *(u64 *)bpf_rdonly_cast(anything, struct list_head)
bool has_typed_pointers(const btf* types) {
  const int cast = types ? btf__find_by_name_kind(types, "bpf_rdonly_cast", BTF_KIND_FUNC) : 0;
  const int type = types ? btf__find_by_name_kind(types, "list_head", BTF_KIND_STRUCT) : 0;
  if (cast <= 0 || type <= 0) return false;
  const bpf_insn code[] = {
      move_imm(BPF_REG_1, 0),
      move_imm(BPF_REG_2, type),
      {.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 0, .imm = cast},
      {.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_0, .off = 0, .imm = 0},
      move_imm(BPF_REG_0, 0),
      leave(),
  };
  const Fd program{load(BPF_PROG_TYPE_KPROBE, bpf_attach_type{}, code)};
  return static_cast<bool>(program);
}

}  // namespace

bool probe_call(int function, int tracepoint_typedef, const std::string& section) {
  bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
  bpf_attach_type attach{};
  const libbpf_print_fn_t print = libbpf_set_print(nullptr);
  const bool known = libbpf_prog_type_by_name(section.c_str(), &type, &attach) == 0 || libbpf_prog_type_by_name((section + "/x").c_str(), &type, &attach) == 0;
  const bpf_insn code[] = {{.code = BPF_JMP | BPF_CALL, .dst_reg = 0, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 0, .imm = function}, move_imm(BPF_REG_0, 0), leave()};
  char log[4096] = "";
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach, .log_level = 1, .log_size = sizeof log, .log_buf = log);
  if (type == BPF_PROG_TYPE_TRACING && tracepoint_typedef > 0) {
    options.expected_attach_type = BPF_TRACE_RAW_TP;
    options.attach_btf_id = static_cast<__u32>(tracepoint_typedef);
  }
  const Fd program{known ? bpf_prog_load(type, "awl_feature", "GPL", code, std::size(code), &options) : -1};
  libbpf_set_print(print);
  if (program) return true;
  // No arguments are given, so every call is refused: what counts is whether for being one.
  const std::string_view said = log;
  const auto says = [&](std::string_view text) { return said.find(text) != std::string_view::npos; };
  return !said.empty() && !says("is not allowed") && !says("not support") && !says("reserved fields") && !says("is not a function");
}

bool probe_feature(Feature feature, const btf* types) {
  const libbpf_print_fn_t print = libbpf_set_print(nullptr);
  bool has = false;
  switch (feature) {
    case Feature::kprobe_multi:
      has = has_kprobe_multi(FunctionSide::entry);
      break;
    case Feature::kprobe_session:
      has = has_kprobe_multi(FunctionSide::both);
      break;
    case Feature::uprobe_multi:
      has = has_uprobe_multi();
      break;
    case Feature::attach_cookie:
      has = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, nullptr) == 1;
      break;
    case Feature::atomic_fetch:
      has = has_atomic_fetch();
      break;
    case Feature::percpu_lookup:
      has = libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_map_lookup_percpu_elem, nullptr) == 1;
      break;
    case Feature::large_keys:
      has = has_large_keys();
      break;
    case Feature::for_each_map:
      has = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_for_each_map_elem, nullptr) == 1;
      break;
    case Feature::callback_loops:
      has = has_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop);
      break;
    case Feature::tai_clock:
      has = has_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_ktime_get_tai_ns);
      break;
    case Feature::task_from_pid:
      has = has_kernel_function("bpf_task_from_pid");
      break;
    case Feature::socket_cookie:
      // Asking for the helper needs a program of type tracing, which needs a target; its function has been there as long as the helper.
      has = has_kernel_function("bpf_get_socket_ptr_cookie");
      break;
    case Feature::override_return:
      has = has_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_override_return);
      break;
    case Feature::write_user:
      has = has_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_probe_write_user);
      break;
    case Feature::typed_pointers:
      has = has_typed_pointers(types);
      break;
    case Feature::iterators:
      has = has_iterators();
      break;
    case Feature::fentry:
      has = has_fentry();
      break;
    case Feature::task_storage:
      // At first it was there for security modules alone.
      has = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, nullptr) == 1 && has_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_task_storage_get);
      break;
    case Feature::inode_storage:
      has = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_INODE_STORAGE, nullptr) == 1;
      break;
    case Feature::socket_storage:
      // The function that tracing programs get; asking for the helper needs a target.
      has = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_SK_STORAGE, nullptr) == 1 && has_kernel_function("bpf_sk_storage_get_tracing");
      break;
    case Feature::cgroup_storage:
      has = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_CGRP_STORAGE, nullptr) == 1;
      break;
    case Feature::task_registers:
      has = has_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_task_pt_regs);
      break;
    case Feature::bloom_filter:
      has = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_BLOOM_FILTER, nullptr) == 1;
      break;
  }
  libbpf_set_print(print);
  return has;
}

}  // namespace awl
