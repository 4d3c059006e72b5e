// Whole objects at the boundary: libbpf loads what was generated, the kernel accepts it with its BTF, programs attached to real events
// leave right values in maps and the ring buffer. Meant to be run on every kernel (tests/vm), where structure offsets differ.
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "llvm_fixture.h"

namespace awl::codegen {
namespace {

using artifact::Storage;

// Kernel types as semantic analysis would find them in BTF; offsets are wrong on purpose, only relocation can make them right.
struct Kernel {
  TypeNode u32{.kind = Kind::integer, .size = 4, .align = 4, .is_signed = true};
  TypeNode u64{.kind = Kind::integer, .size = 8, .align = 8};
  TypeNode comm{.kind = Kind::string, .size = 16};
  TypeNode task{.kind = Kind::structure, .size = 64, .name = "task_struct", .btf_id = 1};
  TypeNode pointer{.kind = Kind::pointer, .size = 8, .element = &task};
  TypeNode policy{.kind = Kind::integer, .size = 4, .align = 4};

  Value field(Emit& e, Value object, const char* name, Type type, uint8_t bits = 0) { return e.offset(object, e.field_offset(&task, {.name = name, .type = type, .offset = 1, .bit_size = bits})); }
  Value probe_field(Emit& e, Value object, const char* name, Type type) {
    Value to = e.slot(8);
    e.zero(to, 8);
    e.helper(BPF_FUNC_probe_read_kernel, {to, e.imm(type->size), field(e, object, name, type)});
    return e.load(to, type->size * 8);
  }
};

constexpr uint32_t max_hist = 64;

struct Boundary : testing::Test {
  ByHand script;
  Loaded loaded;
  Kernel kernel;
  std::vector<bpf_link*> links;

  ~Boundary() override {
    for (bpf_link* link : links) bpf_link__destroy(link);
  }
  void load(uint64_t pid_param) {
    ASSERT_TRUE(loaded.open(script.object())) << loaded.log;
    for (size_t i = 0; i < script.unit.meta.params.size(); ++i) loaded.set_param(script.unit, i, pid_param);
    if (!Loaded::has_exchange()) loaded.without_exchange();
    ASSERT_EQ(loaded.load(), 0) << loaded.log << script.ir;
  }
  void attach() {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, loaded.object) {
      bpf_link* link = bpf_program__attach(program);
      ASSERT_NE(link, nullptr) << bpf_program__name(program) << ": " << strerror(errno) << Loaded::messages();
      links.push_back(link);
    }
  }
};

// raw_tp/sys_enter: fields of the current task by probe_read, a count by {pid, comm}, a histogram, an event for each getppid().
TEST_F(Boundary, TaskFieldsCountsHistogramsAndEvents) {
  NEEDS_ROOT();
  uint32_t pid = script.param(artifact::ParamKind::pid);
  artifact::Type key{.kind = Kind::tuple, .size = 20};
  key.elements = {{"", 0, {plain(Kind::integer, 4, true)}}, {"", 4, {plain(Kind::string, 16)}}};
  int32_t count = script.map("count", Storage::percpu_hash, {key}, plain(Kind::count, 8));
  int32_t hist = script.map("hist", Storage::percpu_slot, {}, plain(Kind::hist, 8 * max_hist));
  script.unit.meta.sites.push_back({.action = artifact::Action::printf, .payload = 24});
  script.program("on_enter", "raw_tp/sys_enter", [&](Emit& e) {
    Value here = e.binary(Op::lshr, e.helper(BPF_FUNC_get_current_pid_tgid, {}, Effect::pure), e.imm(32));
    e.branch(e.compare(Compare::ne, here, e.param(pid)), [&] { e.leave({}); });
    e.branch(e.compare(Compare::ne, e.context_load(64, 8), e.imm(SYS_getppid)), [&] { e.leave({}); });
    e.at({1, 11, 15});
    Value task = e.helper_address(BPF_FUNC_get_current_task, {}, Effect::pure);
    Value slot = e.slot(20);
    e.zero(slot, 20);
    e.store(slot, kernel.probe_field(e, task, "pid", &kernel.u32));
    // Behind the NUL older kernels leave what an earlier name had there.
    e.helper(BPF_FUNC_probe_read_kernel_str, {e.offset(slot, 4), e.imm(16), kernel.field(e, task, "comm", &kernel.comm)});
    Value found = e.helper_address(BPF_FUNC_map_lookup_elem, {e.map(count), slot});
    e.branch(e.compare(Compare::ne, found, e.null()), [&] { e.store(found, e.binary(Op::add, e.load(found, 64), e.imm(1))); },
             [&] {
               Value one = e.slot(8);
               e.store(one, e.imm(1));
               e.helper(BPF_FUNC_map_update_elem, {e.map(count), slot, one, e.imm(BPF_ANY)});
             });
    Value zero = e.slot(4, 4);
    e.store(zero, e.imm(0, 32));
    Value buckets = e.helper_address(BPF_FUNC_map_lookup_elem, {e.map(hist), zero});
    e.branch(e.compare(Compare::ne, buckets, e.null()), [&] {
      Value bucket = e.opaque(e.binary(Op::bit_and, here, e.imm(max_hist - 1)));
      Value limited = e.select(e.compare(Compare::ult, bucket, e.imm(max_hist)), bucket, e.imm(0));
      Value at = e.offset(buckets, e.binary(Op::shl, e.binary(Op::bit_and, limited, e.imm(max_hist - 1)), e.imm(3)));
      e.store(at, e.binary(Op::add, e.load(at, 64), e.imm(1)));
    });
    Value parent = e.to_address(kernel.probe_field(e, task, "real_parent", &kernel.pointer));
    Value parent_pid = kernel.probe_field(e, parent, "tgid", &kernel.u32);
    Value event = e.helper_address(BPF_FUNC_ringbuf_reserve, {e.named_map(artifact::events_map), e.imm(32), e.imm(0)});
    e.branch(e.compare(Compare::eq, event, e.null()), [&] { e.leave({}); });
    e.store(event, e.imm(0));
    e.store(event, e.resize(parent_pid, 64, true), 8);
    e.copy(e.offset(event, 16), e.offset(slot, 4), 16);
    e.helper(BPF_FUNC_ringbuf_submit, {event, e.imm(BPF_RB_NO_WAKEUP)});
  });
  load(static_cast<uint64_t>(getpid()));
  EXPECT_THAT(loaded.log, Not(testing::HasSubstr("rror loading"))) << loaded.log;  // libbpf goes on without BTF that the kernel refused
  bpf_prog_info info{};
  uint32_t size = sizeof info;
  ASSERT_EQ(bpf_prog_get_info_by_fd(loaded.fd("on_enter"), &info, &size), 0);
  EXPECT_NE(info.btf_id, 0u);
  EXPECT_GT(info.nr_line_info, 2u);
  bpf_map_info map_info{};
  size = sizeof map_info;
  ASSERT_EQ(bpf_map_get_info_by_fd(loaded.map_fd("map_count"), &map_info, &size), 0);
  EXPECT_NE(map_info.btf_key_type_id, 0u);
  EXPECT_NE(map_info.btf_value_type_id, 0u);
  attach();
  for (int i = 0; i < 25; ++i) syscall(SYS_getppid);

  struct Key {
    int pid = getpid();
    char comm[16] = {};
  } wanted;
  std::ifstream("/proc/self/comm").getline(wanted.comm, sizeof wanted.comm);
  auto cpus = static_cast<size_t>(libbpf_num_possible_cpus());
  std::vector<uint64_t> values(cpus);
  ASSERT_EQ(bpf_map_lookup_elem(loaded.map_fd("map_count"), &wanted, values.data()), 0) << "no element for " << wanted.comm;
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), uint64_t{0}), 25u);
  std::vector<uint64_t> buckets(cpus * max_hist);
  uint32_t zero = 0;
  ASSERT_EQ(bpf_map_lookup_elem(loaded.map_fd("map_hist"), &zero, buckets.data()), 0);
  uint64_t sum = 0;
  for (size_t i = 0; i < cpus; ++i) sum += buckets[i * max_hist + static_cast<size_t>(getpid() % int(max_hist))];
  EXPECT_EQ(sum, 25u);

  std::vector<std::string> events;
  ring_buffer* ring = ring_buffer__new(loaded.map_fd("awl_events"), [](void* to, void* data, size_t bytes) {
    static_cast<std::vector<std::string>*>(to)->emplace_back(static_cast<char*>(data), bytes);
    return 0;
  }, &events, nullptr);
  ring_buffer__consume(ring);
  ring_buffer__free(ring);
  ASSERT_EQ(events.size(), 25u);
  uint64_t parent = 0;
  memcpy(&parent, events[0].data() + 8, 8);
  EXPECT_EQ(parent, static_cast<uint64_t>(getppid()));
  EXPECT_STREQ(events[0].substr(16).c_str(), wanted.comm);
}

// tp_btf: memory behind typed pointers is loaded directly, each field by one instruction with its relocation; bit-fields too.
TEST_F(Boundary, TypedPointersAreLoadedDirectly) {
  NEEDS_ROOT();
  uint32_t pid = script.param(artifact::ParamKind::pid);
  script.program("on_fork", "tp_btf/sched_process_fork", [&](Emit& e) {
    Value parent = e.to_address(e.context_load(64, 0));
    Value child = e.to_address(e.context_load(64, 8));
    Value tgid = e.load(kernel.field(e, parent, "tgid", &kernel.u32), 32);
    e.branch(e.compare(Compare::ne, e.resize(tgid, 64, false), e.param(pid)), [&] { e.leave({}); });
    Value real_parent = e.load_address(kernel.field(e, child, "real_parent", &kernel.pointer));
    e.store(e.global(0), e.resize(e.load(kernel.field(e, child, "pid", &kernel.u32), 32), 64, true));
    e.store(e.global(8), e.resize(e.load(kernel.field(e, real_parent, "tgid", &kernel.u32), 32), 64, true));
    for (uint32_t i = 0; i < 16; i += 8) e.store(e.global(16 + i), e.load(e.offset(kernel.field(e, child, "comm", &kernel.comm), i), 64));
    e.store(e.global(32), e.resize(e.field_exists(&kernel.task, "no_such_member"), 64, false));
    e.store(e.global(40), e.type_size(&kernel.task));
    // in_execve: 1 bit, in the middle of others.
    Member bit{.name = "in_execve", .type = &kernel.policy, .offset = 4, .bit_offset = 3, .bit_size = 1};
    Value word = e.load(e.offset(child, e.field_offset(&kernel.task, bit)), 32);
    Value left = e.binary(Op::shl, e.resize(word, 64, false), e.field_fact(&kernel.task, bit, Emit::FieldFact::left_shift));
    e.store(e.global(48), e.binary(Op::lshr, left, e.field_fact(&kernel.task, bit, Emit::FieldFact::right_shift)));
    e.store(e.global(56), e.field_fact(&kernel.task, bit, Emit::FieldFact::size));
  });
  load(static_cast<uint64_t>(getpid()));
  attach();
  pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  auto out = loaded.globals(0);
  EXPECT_EQ(out[0], static_cast<uint64_t>(child));
  EXPECT_EQ(out[1], static_cast<uint64_t>(getpid()));
  std::string comm;
  std::ifstream("/proc/self/comm") >> comm;
  EXPECT_STREQ(reinterpret_cast<const char*>(&out[2]), comm.c_str());
  EXPECT_EQ(out[4], 0u);
  btf* vmlinux = btf__load_vmlinux_btf();
  EXPECT_EQ(out[5], uint64_t(btf__type_by_id(vmlinux, uint32_t(btf__find_by_name_kind(vmlinux, "task_struct", BTF_KIND_STRUCT)))->size));
  btf__free(vmlinux);
  EXPECT_EQ(out[6], 0u);
  EXPECT_EQ(out[7], 4u);
  // A field costs one load: no address is computed with a separate addition.
  const bpf_program* program = bpf_object__find_program_by_name(loaded.object, "on_fork");
  const bpf_insn* code = bpf_program__insns(program);
  size_t additions = 0;
  for (size_t i = 0; i < bpf_program__insn_cnt(program); ++i) additions += code[i].code == (BPF_ALU64 | BPF_ADD | BPF_X);
  EXPECT_LE(additions, 1u) << "comm's second word may need one";
}

// For the kernel that runs here: libbpf finds nothing to relocate, so it does not read the kernel's types; its functions are called by their numbers there.
TEST_F(Boundary, ObjectsForThisKernelHaveNumbers) {
  NEEDS_ROOT();
  btf* vmlinux = script.host.vmlinux = btf__load_vmlinux_btf();
  if (!vmlinux || btf__find_by_name_kind(vmlinux, "bpf_rdonly_cast", BTF_KIND_FUNC) < 0) GTEST_SKIP() << "the kernel has no bpf_rdonly_cast";
  script.unit.options.runs_here = true;
  kernel.task.btf_id = static_cast<uint32_t>(btf__find_by_name_kind(vmlinux, "task_struct", BTF_KIND_STRUCT));
  script.program("on_enter", "raw_tp", [&](Emit& e) {
    Member second{.name = "no_such_member", .type = &kernel.u64, .offset = 8};
    Value task = e.typed_pointer(e.to_address(e.helper(BPF_FUNC_get_current_task, {}, Effect::pure)), &kernel.task);
    e.store(e.global(0), e.load(e.offset(task, e.field_offset(&kernel.task, second)), 64));
    e.store(e.global(8), e.context_load(64, BytesAccess{.offset = 8, .size = 8, .core_type = "no_such_type", .core_member = "id"}));
  });
  load(0);
  EXPECT_EQ(Loaded::messages().find("loaded kernel BTF"), std::string::npos) << Loaded::messages();
}

// A tracepoint's context: relocated and plain reads become one instruction each, also when branches read different members.
TEST_F(Boundary, TracepointContextIsRelocated) {
  NEEDS_ROOT();
  uint32_t pid = script.param(artifact::ParamKind::pid);
  script.program("on_enter", "tracepoint/raw_syscalls/sys_enter", [&](Emit& e) {
    Value here = e.binary(Op::lshr, e.helper(BPF_FUNC_get_current_pid_tgid, {}, Effect::pure), e.imm(32));
    e.branch(e.compare(Compare::ne, here, e.param(pid)), [&] { e.leave({}); });
    Value id = e.context_load(64, BytesAccess{.offset = 64, .size = 8, .core_type = "trace_event_raw_sys_enter", .core_member = "id"});
    e.branch(e.compare(Compare::eq, id, e.imm(SYS_getpriority)), [&] {
      for (int i = 0; i < 2; ++i)
        e.store(e.global(8 + 8 * uint64_t(i)), e.context_load(64, BytesAccess{.offset = 0, .size = 8, .core_type = "trace_event_raw_sys_enter", .core_member = "args", .core_index = i}));
      e.store(e.global(0), e.context_load(64, 8));
    });
  });
  load(static_cast<uint64_t>(getpid()));
  attach();
  syscall(SYS_getpriority, 2, 54321);
  auto out = loaded.globals(0);
  EXPECT_EQ(out[0], uint64_t(SYS_getpriority));
  EXPECT_EQ(out[1], 2u);
  EXPECT_EQ(out[2], 54321u);
}

// Values of every kind have a type that the kernel accepts with its map.
TEST_F(Boundary, MapValuesOfEveryKindHaveTypes) {
  NEEDS_ROOT();
  artifact::Type pair{.kind = Kind::record, .size = 24};
  pair.elements = {{"name", 0, {plain(Kind::string, 5)}}, {"number", 8, {plain(Kind::integer, 8, true)}}, {"flag", 16, {plain(Kind::boolean, 1)}}};
  artifact::Type array{.kind = Kind::array, .size = 12, .count = 3};
  array.elements = {{"", 0, {plain(Kind::integer, 4)}}};
  std::vector<artifact::Type> kinds = {
      plain(Kind::integer, 1, true), plain(Kind::integer, 2), plain(Kind::pointer, 8), plain(Kind::enumeration, 4), plain(Kind::string, 64), plain(Kind::buffer, 68), array, pair,
      plain(Kind::structure, 40), plain(Kind::kstack, 16), plain(Kind::ustack, 16), plain(Kind::ksym, 8), plain(Kind::usym, 16), plain(Kind::inet, 20),
      plain(Kind::macaddr, 6), plain(Kind::timestamp, 16), plain(Kind::username, 8), plain(Kind::cgroup_path, 16), plain(Kind::probe, 8), plain(Kind::boolean, 1)};
  for (size_t i = 0; i < kinds.size(); ++i) script.map("value" + std::to_string(i), Storage::hash, {kinds[i]}, kinds[i]);
  size_t plain_kinds = kinds.size();
  for (Kind kind : {Kind::count, Kind::sum, Kind::min, Kind::max, Kind::avg, Kind::stats, Kind::hist, Kind::lhist})
    kinds.push_back(plain(kind, kind == Kind::count ? 8 : kind >= Kind::hist ? 8 * 66 : 16));
  for (size_t i = plain_kinds; i < kinds.size(); ++i) script.map("value" + std::to_string(i), Storage::percpu_hash, {plain(Kind::integer, 8)}, kinds[i]);
  script.program("nothing", "raw_tp", [](Emit&) {});
  load(0);
  for (size_t i = 0; i < kinds.size(); ++i) {
    bpf_map_info info{};
    uint32_t size = sizeof info;
    ASSERT_EQ(bpf_map_get_info_by_fd(loaded.map_fd(("map_value" + std::to_string(i)).c_str()), &info, &size), 0);
    EXPECT_EQ(info.value_size, kinds[i].size) << i;
    EXPECT_NE(info.btf_value_type_id, 0u) << "kind " << int(kinds[i].kind) << " of size " << kinds[i].size << loaded.log;
  }
}

// The REPL compiles many times in one process.
TEST_F(Boundary, CompilesAgainAndAgain) {
  script.program("p", "tp_btf/sched_process_fork", [&](Emit& e) {
    Value child = e.to_address(e.context_load(64, 8));
    e.store(e.global(0), e.load(kernel.field(e, child, "pid", &kernel.u32), 32));
  });
  artifact::Bytes first = script.object();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(script.object(), first);
}

}  // namespace
}  // namespace awl::codegen
