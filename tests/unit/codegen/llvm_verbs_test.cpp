// Each verb, by what it computes in the kernel. Programs write their results to awl_globals.
#include "llvm_fixture.h"

namespace awl::codegen {
namespace {

struct Verbs : testing::Test {
  ByHand script;
  Loaded loaded;

  // Runs one program; gives the words it left in awl_globals.
  std::vector<uint64_t> run(const std::function<void(Emit&)>& body, std::vector<uint64_t> context = {1, 2}) {
    script.program("verbs", "raw_tp", body);
    EXPECT_TRUE(loaded.open(script.object())) << loaded.log;
    if (!loaded.object) return std::vector<uint64_t>(256);
    if (!Loaded::has_exchange()) loaded.without_exchange();
    EXPECT_EQ(loaded.load(), 0) << loaded.log << script.ir;
    loaded.run("verbs", std::move(context));
    return loaded.globals(0);
  }
};

// A number that the optimiser does not know: what the context holds.
Value unknown(Emit& e, uint32_t index = 0) { return e.context_load(64, 8 * index); }
void put(Emit& e, uint32_t word, Value v) { e.store(e.global(8 * word), e.resize(v, 64, true)); }

TEST_F(Verbs, ArithmeticIsTwosComplement) {
  NEEDS_ROOT();
  auto out = run([](Emit& e) {
    Value a = unknown(e, 0), b = unknown(e, 1);
    put(e, 0, e.binary(Op::sub, a, b));
    put(e, 1, e.binary(Op::sdiv, a, b));
    put(e, 2, e.binary(Op::smod, a, b));
    put(e, 3, e.binary(Op::udiv, a, b));
    put(e, 4, e.binary(Op::ashr, a, b));
    put(e, 5, e.binary(Op::lshr, a, e.imm(60)));
    put(e, 6, e.binary(Op::shl, b, e.imm(70)));
    put(e, 7, e.binary(Op::udiv, a, e.imm(0)));
    put(e, 8, e.binary(Op::umod, b, e.imm(0)));
    put(e, 9, e.binary(Op::sdiv, e.imm(7), e.resize(e.resize(a, 8, true), 64, true)));
    put(e, 10, e.resize(e.compare(Compare::slt, a, b), 64, false));
    put(e, 11, e.resize(e.compare(Compare::ult, a, b), 64, false));
  }, {static_cast<uint64_t>(-17), 5});
  EXPECT_EQ(int64_t(out[0]), -22);
  EXPECT_EQ(int64_t(out[1]), -3);
  EXPECT_EQ(int64_t(out[2]), -2);
  EXPECT_EQ(out[3], uint64_t(-17) / 5);
  EXPECT_EQ(int64_t(out[4]), -1);
  EXPECT_EQ(out[5], 15u);
  EXPECT_EQ(out[6], 5u << 6);
  EXPECT_EQ(out[7], 0u);
  EXPECT_EQ(out[8], 5u);
  EXPECT_EQ(out[9], 0u);
  EXPECT_EQ(out[10], 1u);
  EXPECT_EQ(out[11], 0u);
}

TEST_F(Verbs, ControlFlow) {
  NEEDS_ROOT();
  auto out = run([](Emit& e) {
    Value a = unknown(e, 0);
    Value sum = e.slot(8);
    e.store(sum, e.imm(0));
    e.loop(e.imm(0), a, 100, [&](Value i) {
      e.branch(e.compare(Compare::eq, i, e.imm(3)), [&] { e.next_turn(); });
      e.branch(e.compare(Compare::eq, i, e.imm(7)), [&] { e.leave_loop(); });
      e.store(sum, e.binary(Op::add, e.load(sum, 64), i));
    });
    put(e, 0, e.load(sum, 64));
    put(e, 1, e.choose(e.compare(Compare::sgt, a, e.imm(5)), [&] { return e.imm(11); }, [&] { return e.imm(22); }));
    put(e, 2, e.select(e.compare(Compare::sgt, a, e.imm(50)), e.imm(11), e.imm(22)));
    e.branch(e.compare(Compare::eq, a, e.imm(10)), [&] { e.leave(e.imm(0)); put(e, 3, e.imm(99)); });
    put(e, 3, e.imm(98));
  }, {10, 0});
  EXPECT_EQ(out[0], 0u + 1 + 2 + 4 + 5 + 6);
  EXPECT_EQ(out[1], 11u);
  EXPECT_EQ(out[2], 22u);
  EXPECT_EQ(out[3], 0u);
}

TEST_F(Verbs, LoopEndsAtItsLimit) {
  NEEDS_ROOT();
  auto out = run([](Emit& e) {
    e.loop(e.imm(0), unknown(e, 0), 1000, [&](Value) { e.atomic_add(e.global(0), e.imm(1)); });
    e.loop(unknown(e, 1), e.imm(3), 10, [&](Value) { e.atomic_add(e.global(8), e.imm(1)); });
  }, {5000, uint64_t(-2)});
  EXPECT_EQ(out[0], 1000u);
  EXPECT_EQ(out[1], 5u);
}

TEST_F(Verbs, NestedLoopsWithEveryWayOut) {
  NEEDS_ROOT();
  auto out = run([](Emit& e) {
    Value a = unknown(e, 0), b = unknown(e, 1);
    Value sum = e.slot(8);
    e.store(sum, e.imm(0));
    auto add = [&](Value v) { e.store(sum, e.binary(Op::add, e.load(sum, 64), v)); };
    e.loop(b, a, 16, [&](Value i) {
      e.branch(e.compare(Compare::eq, i, e.imm(4)), [&] { e.next_turn(); }, [&] { add(e.imm(100)); });
      e.loop(e.imm(0), i, 16, [&](Value j) {
        e.branch(e.compare(Compare::sgt, e.helper(BPF_FUNC_get_smp_processor_id, {}, Effect::reads), e.imm(100000)), [&] { e.leave({}); });
        e.branch(e.compare(Compare::eq, j, e.imm(2)), [&] { e.next_turn(); });
        e.branch(e.compare(Compare::eq, j, e.imm(5)), [&] { e.leave_loop(); });
        e.helper(BPF_FUNC_ktime_get_ns, {});
        add(j);
      });
      e.branch(e.compare(Compare::eq, i, e.imm(8)), [&] { e.leave_loop(); });
      e.helper(BPF_FUNC_ktime_get_ns, {});
    });
    put(e, 0, e.load(sum, 64));
  }, {12, 1});
  uint64_t expected = 0;
  for (int i = 1; i < 12; ++i) {
    if (i == 4) continue;
    expected += 100;
    for (int j = 0; j < i; ++j) {
      if (j == 2) continue;
      if (j == 5) break;
      expected += uint64_t(j);
    }
    if (i == 8) break;
  }
  EXPECT_EQ(out[0], expected);
}

TEST_F(Verbs, CopiesOfEverySizeAndAlignment) {
  NEEDS_ROOT();
  static constexpr uint32_t sizes[] = {1, 3, 8, 13, 64, 127, 200};
  auto out = run([](Emit& e) {
    uint32_t at = 0;
    for (uint32_t size : sizes) {
      std::string text(size, '\0');
      for (uint32_t i = 0; i < size; ++i) text[i] = char('A' + (i + size) % 26);
      e.scope([&] {
        Value slot = e.slot(size + 3);
        e.copy(slot, e.bytes(text), size);
        e.copy(e.offset(slot, 0), slot, size);
        e.copy(e.global(at), slot, size);
        Value odd = e.slot(size + 8);
        e.zero(odd, size + 8);
        e.copy(e.offset(odd, 3), slot, size);
        e.copy(slot, e.offset(odd, 3), size);
        e.copy(e.global(at), slot, size);
      });
      at += (size + 7) / 8 * 8;
    }
  });
  auto* bytes = reinterpret_cast<const char*>(out.data());
  uint32_t at = 0;
  for (uint32_t size : sizes) {
    for (uint32_t i = 0; i < size; ++i) ASSERT_EQ(bytes[at + i], char('A' + (i + size) % 26)) << size << " at " << i;
    at += (size + 7) / 8 * 8;
  }
}

TEST_F(Verbs, UnusedAnswersCostNothingAndPureOnesAreMerged) {
  NEEDS_ROOT();
  auto out = run([](Emit& e) {
    e.helper(BPF_FUNC_ktime_get_ns, {}, Effect::reads);
    Value a = e.helper(BPF_FUNC_get_current_pid_tgid, {}, Effect::pure);
    Value first = e.helper(BPF_FUNC_ktime_get_ns, {}, Effect::reads);
    Value b = e.helper(BPF_FUNC_get_current_pid_tgid, {}, Effect::pure);
    Value second = e.helper(BPF_FUNC_ktime_get_ns, {}, Effect::reads);
    put(e, 0, e.binary(Op::lshr, a, e.imm(32)));
    put(e, 1, e.binary(Op::lshr, b, e.imm(32)));
    put(e, 2, e.binary(Op::sub, second, first));
  });
  EXPECT_EQ(out[0], uint64_t(getpid()));
  EXPECT_EQ(out[1], uint64_t(getpid()));
  EXPECT_GT(out[2], 0u);
  size_t calls = 0;
  for (size_t at = script.ir.find("inttoptr (i64"); at != std::string::npos; at = script.ir.find("inttoptr (i64", at + 1)) ++calls;
  EXPECT_EQ(calls, 3u) << script.ir;
}

TEST_F(Verbs, ParametersAreSetBeforeLoad) {
  NEEDS_ROOT();
  uint32_t p = script.param(artifact::ParamKind::pid);
  script.param(artifact::ParamKind::ncpus);
  script.program("verbs", "raw_tp", [&](Emit& e) {
    put(e, 0, e.param(p));
    put(e, 1, e.load(e.bytes("12345678"), 64));
  });
  ASSERT_TRUE(loaded.open(script.object())) << loaded.log;
  loaded.set_param(script.unit, p, 4711);
  ASSERT_EQ(loaded.load(), 0) << loaded.log;
  loaded.run("verbs");
  EXPECT_EQ(loaded.globals(0)[0], 4711u);
  EXPECT_EQ(loaded.globals(0)[1], 0x3837363534333231u);
}

// Claims, gives back, goes to the next area when one is taken, counts a loss when all are.
TEST_F(Verbs, ScratchSurvivesNesting) {
  NEEDS_ROOT();
  std::string text(1000, 'x');
  script.program("verbs", "raw_tp", [&](Emit& e) {
    Value before = e.scratch(64);
    e.branch(e.compare(Compare::eq, unknown(e, 1), e.imm(77)), [&] { e.leave(e.imm(5)); });
    e.loop(e.imm(0), e.imm(3), 3, [&](Value i) { e.store(before, i, 8); });
    Value big = e.scratch(1000);
    e.copy(big, e.bytes(text), 1000);
    put(e, 0, e.load(big, 64, 992));
    put(e, 1, e.load(before, 64, 8));
    e.leave(e.imm(1));
  });
  ASSERT_TRUE(loaded.open(script.object())) << loaded.log;
  bool exchange = Loaded::has_exchange();
  if (!exchange) loaded.without_exchange();
  loaded.set_param(script.unit, 0, exchange);
  ASSERT_EQ(loaded.load(), 0) << loaded.log << script.ir;
  int fd = loaded.map_fd("awl_scratch");
  int cpus = libbpf_num_possible_cpus();
  uint32_t size = 1072;
  auto set_busy = [&](uint32_t area, uint64_t busy) {
    std::vector<char> values(size_t(cpus) * size);
    for (int i = 0; i < cpus; ++i) memcpy(values.data() + size_t(i) * size, &busy, 8);
    ASSERT_EQ(bpf_map_update_elem(fd, &area, values.data(), BPF_ANY), 0) << strerror(errno);
  };
  auto busy = [&](uint32_t area) {
    std::vector<char> values(size_t(cpus) * size);
    bpf_map_lookup_elem(fd, &area, values.data());
    uint64_t sum = 0;
    for (int i = 0; i < cpus; ++i) sum += static_cast<uint64_t>(values[size_t(i) * size]);
    return sum;
  };
  EXPECT_EQ(loaded.run("verbs", {1, 77}), 5);
  EXPECT_EQ(loaded.globals(0)[0], 0u);
  EXPECT_EQ(loaded.run("verbs", {1, 2}), 1);
  EXPECT_EQ(loaded.globals(0)[0], 0x7878787878787878u);
  EXPECT_EQ(loaded.globals(0)[1], 2u);
  EXPECT_EQ(busy(0), 0u);
  for (uint32_t i = 0; i < 3; ++i) set_busy(i, 1);
  EXPECT_EQ(loaded.run("verbs", {1, 2}), 1);
  EXPECT_EQ(busy(3), 0u);
  EXPECT_EQ(loaded.globals(0)[128], 0u);
  set_busy(3, 1);
  loaded.run("verbs", {1, 2});
  EXPECT_EQ(loaded.globals(0)[128], 1u);
  EXPECT_EQ(busy(0), uint64_t(cpus));
}

// A body without a way out of its own besides its end.
TEST_F(Verbs, ScratchInStraightCode) {
  NEEDS_ROOT();
  auto out = run([](Emit& e) {
    Value area = e.scratch(512);
    e.store(area, unknown(e, 1), 256);
    put(e, 0, e.load(area, 64, 256));
  }, {1, 4242});
  EXPECT_EQ(out[0], 4242u);
}

// Strings have no alignment; their slots are stored to by words all the same.
TEST_F(Verbs, WordsInSlotsOfOddSize) {
  NEEDS_ROOT();
  auto out = run([](Emit& e) {
    Value before = e.slot(3, 1), text = e.slot(6, 1), after = e.slot(7, 1);
    e.store(text, e.imm(0x6c6c6568, 32));
    e.store(text, e.imm(0x6f, 16), 4);
    for (Value other : {before, after}) e.helper(BPF_FUNC_get_current_comm, {other, e.imm(3)});
    e.helper(BPF_FUNC_probe_read_kernel, {e.global(0), e.imm(6), text});
  });
  EXPECT_STREQ(reinterpret_cast<const char*>(out.data()), "hello");
}

TEST_F(Verbs, ManyLargeSlotsDoNotBreakTheStack) {
  NEEDS_ROOT();
  auto out = run([](Emit& e) {
    std::vector<Value> slots;
    for (int i = 0; i < 12; ++i) {
      slots.push_back(e.slot(100));
      e.zero(slots.back(), 100);
      e.store(slots.back(), e.binary(Op::add, unknown(e), e.imm(uint64_t(i))), 8);
    }
    for (uint32_t i = 0; i < 12; ++i) put(e, i, e.load(slots[i], 64, 8));
  }, {40, 0});
  for (uint32_t i = 0; i < 12; ++i) EXPECT_EQ(out[i], 40u + i);
}

}  // namespace
}  // namespace awl::codegen
