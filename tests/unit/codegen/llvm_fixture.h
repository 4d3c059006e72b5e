#pragma once
// Objects made by calling the verbs by hand, loaded with libbpf and run on this machine's kernel (root only).
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <numeric>
#include <fstream>

#include "codegen/llvm_object.h"
#include "fake_host.h"

namespace awl::codegen {

inline std::string section_of(const Target& target) { return target.parts.at(0); }
inline constexpr Provider section_provider{.name = "section", .section = section_of};

inline artifact::Type plain(Kind kind, uint32_t size, bool is_signed = false) { return {.kind = kind, .size = size, .is_signed = is_signed}; }

// A unit as planning would leave it; programs are functions that call verbs.
struct ByHand {
  FakeHost host;
  Sources sources;
  Diagnostics diagnostics{sources};
  Unit unit{sources, diagnostics, host, {}};
  std::deque<std::function<void(Emit&)>> bodies;
  CodegenOptions options{.keep_ir = true, .verify_ir = true};
  std::string ir;

  ByHand() {
    sources.add("test.awl", "first line\nsecond line\nthird line\n");
    unit.meta.source_name = "test.awl";
    unit.meta.arch = "x86_64";
  }
  void program(const std::string& name, const std::string& section, std::function<void(Emit&)> body) {
    ProbeInstance& instance = unit.probes.emplace_back();
    instance.target = {&section_provider, {section}};
    instance.span = {1, 0, 5};
    instance.elf_name = name;
    unit.meta.programs.push_back({.elf_name = name, .provider = "section", .target = {section}, .probe = section});
    unit.meta.lost_offset = 1024;
    unit.meta.globals_size = static_cast<uint32_t>(1024 + 8 * unit.probes.size());
    bodies.push_back(std::move(body));
  }
  uint32_t param(artifact::ParamKind kind, std::string name = {}) {
    unit.meta.params.push_back({.kind = kind, .name = std::move(name), .offset = static_cast<uint32_t>(8 * unit.meta.params.size())});
    return static_cast<uint32_t>(unit.meta.params.size() - 1);
  }
  int32_t map(const std::string& name, artifact::Storage storage, std::vector<artifact::Type> key, artifact::Type value) {
    unit.meta.maps.push_back({.name = "@" + name, .elf_name = "map_" + name, .storage = storage, .max_entries = 128, .key = std::move(key), .value = std::move(value)});
    return static_cast<int32_t>(unit.meta.maps.size() - 1);
  }
  artifact::Bytes object() {
    auto output = generate_with(unit, options, [&](size_t i, Emit& e) { bodies.at(i)(e); });
    EXPECT_TRUE(output.has_value()) << (output ? "" : output.error().text());
    if (!output) return {};
    ir = output->optimized_ir;
    if (const char* file = getenv("AWL_KEEP_OBJECT")) {
      std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(output->object.data()), static_cast<std::streamsize>(output->object.size()));
      std::ofstream(file + std::string(".ll")) << output->ir << output->optimized_ir;
    }
    return output->object;
  }
};

// An object loaded into the kernel.
struct Loaded {
  bpf_object* object = nullptr;
  std::string log;

  ~Loaded() { bpf_object__close(object); }
  static int collect(libbpf_print_level, const char* format, va_list args) {
    char line[4096];
    vsnprintf(line, sizeof line, format, args);
    messages() += line;
    return 0;
  }
  static std::string& messages() {
    static std::string text;
    return text;
  }

  bool open(const artifact::Bytes& bytes) {
    messages().clear();
    libbpf_set_print(collect);
    object = bpf_object__open_mem(bytes.data(), bytes.size(), nullptr);
    log = messages();
    return object != nullptr;
  }
  // BPF_XCHG is there since 5.12. What the run side does on older kernels (artifact/schema.h).
  static bool has_exchange() {
    bpf_insn code[] = {{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 0, .off = -8, .imm = 0},
                       {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
                       {.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 10, .src_reg = 0, .off = -8, .imm = BPF_XCHG},
                       {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
    int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "xchg", "GPL", code, std::size(code), nullptr);
    if (fd >= 0) close(fd);
    return fd >= 0;
  }
  void set_param(const Unit& unit, size_t index, uint64_t value) {
    size_t size = 0;
    bpf_map* rodata = bpf_object__find_map_by_name(object, ".rodata");
    ASSERT_NE(rodata, nullptr);
    auto* bytes = static_cast<char*>(bpf_map__initial_value(rodata, &size));
    memcpy(bytes + variable_offset("awl_params") + (index < unit.meta.params.size() ? unit.meta.params[index].offset : 8 * index), &value, 8);
  }
  uint32_t variable_offset(std::string_view name) {
    const btf* types = bpf_object__btf(object);
    for (uint32_t id = 1; id < btf__type_cnt(types); ++id) {
      const btf_type* t = btf__type_by_id(types, id);
      if (!btf_is_datasec(t)) continue;
      const btf_var_secinfo* info = btf_var_secinfos(t);
      for (int i = 0; i < btf_vlen(t); ++i)
        if (btf__name_by_offset(types, btf__type_by_id(types, info[i].type)->name_off) == name) return info[i].offset;
    }
    ADD_FAILURE() << "no variable " << name;
    return 0;
  }
  void without_exchange() {
    bpf_program* p = nullptr;
    bpf_object__for_each_program(p, object) {
      auto* code = const_cast<bpf_insn*>(bpf_program__insns(p));
      for (size_t i = 0; i < bpf_program__insn_cnt(p); ++i)
        if (code[i].code == (BPF_STX | BPF_ATOMIC | BPF_DW) && code[i].imm == BPF_XCHG) {
          code[i].code = BPF_STX | BPF_MEM | BPF_DW;
          code[i].imm = 0;
        }
    }
  }
  int load() {
    messages().clear();
    int status = bpf_object__load(object);
    log = messages();
    return status;
  }
  int fd(const char* program) { return bpf_program__fd(bpf_object__find_program_by_name(object, program)); }
  int map_fd(const char* name) { return bpf_object__find_map_fd_by_name(object, name); }
  // Runs a raw tracepoint program once; its result.
  int run(const char* program, std::vector<uint64_t> context = {}) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    if (!context.empty()) {
      options.ctx_in = context.data();
      options.ctx_size_in = static_cast<uint32_t>(context.size() * 8);
    }
    int status = bpf_prog_test_run_opts(fd(program), &options);
    EXPECT_EQ(status, 0) << strerror(-status);
    return static_cast<int>(options.retval);
  }
  std::vector<uint64_t> globals(size_t words) {
    bpf_map* bss = bpf_object__find_map_by_name(object, ".bss");
    std::vector<uint64_t> values(words + bpf_map__value_size(bss) / 8 + 1);
    uint32_t zero = 0;
    EXPECT_EQ(bpf_map_lookup_elem(bpf_map__fd(bss), &zero, values.data()), 0);
    return values;
  }
};

#define NEEDS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "loading programs needs root"

}  // namespace awl::codegen
