#include <gmock/gmock.h>

#include "compiled.h"

namespace awl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Settings, BlockAndEnvironment) {
  auto world = sample_world();
  world->variables = {{"BPFTRACE_MAX_MAP_KEYS", "7"}, {"AWL_MAX_STRLEN", "128"}, {"BPFTRACE_MAX_STRLEN", "64"}};
  Compiled c("config = { max_map_keys = 5; stack_mode = perf } begin { @[1] = 1; }", "plan", {}, std::move(world));
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_EQ(c.unit->config.max_map_keys, 7u);
  EXPECT_EQ(c.unit->config.max_strlen, 128u);
  EXPECT_EQ(c.unit->config.stack_mode, StackMode::perf);
  EXPECT_EQ(c.unit->meta.maps[0].max_entries, 7u);
}

TEST(Settings, BadEnvironmentHasNoPlace) {
  auto world = sample_world();
  world->variables = {{"BPFTRACE_MAX_STRLEN", "abc"}};
  EXPECT_THAT(Compiled("begin {}", "plan", {}, std::move(world)).messages(), HasSubstr("ERROR: max_strlen: expecting a number, got abc"));
}

std::vector<std::string> probes_of(const Compiled& c) {
  std::vector<std::string> out;
  for (const ProbeInstance& p : c.unit->probes) out.push_back(p.probe_text + (p.per_target ? " per target" : ""));
  return out;
}

TEST(Probes, OneProgramForAWildcardUnlessArgumentsAreUsed) {
  EXPECT_THAT(probes_of(Compiled("tracepoint:sched:* { @ = count(); }")), ElementsAre("tracepoint:sched:*"));
  EXPECT_THAT(probes_of(Compiled("tracepoint:sched:* { @[probe] = count(); }")), ElementsAre("tracepoint:sched:* per target"));
  EXPECT_THAT(probes_of(Compiled("tracepoint:sched:* { print(args.pid); }", "probes")), ElementsAre("tracepoint:sched:sched_exec", "tracepoint:sched:sched_switch"));
}

TEST(Probes, SeveralAttachPointsHaveTheirOwnBodies) {
  Compiled c("begin, tracepoint:sched:sched_switch { $x = 1; @[probe] = $x; }");
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_THAT(probes_of(c), ElementsAre("begin", "tracepoint:sched:sched_switch"));
  EXPECT_THAT(c.unit->meta.probe_names, ElementsAre("begin", "tracepoint:sched:sched_switch"));
  EXPECT_NE(c.unit->meta.programs[0].elf_name, c.unit->meta.programs[1].elf_name);
}

TEST(Probes, PairsForSessions) {
  const auto pairs = [](std::string script) {
    const Compiled c(std::move(script));
    EXPECT_THAT(c.messages(), IsEmpty());
    std::vector<std::string> out;
    for (const artifact::Program& program : c.unit->meta.programs) out.push_back(program.session);
    return out;
  };
  EXPECT_THAT(pairs("kretprobe:vfs_* { @out = count(); } kprobe:vfs_* { @in = count(); }"), ElementsAre("kprobe_vfs___2_session", "kprobe_vfs___2_session"));
  EXPECT_THAT(pairs("kprobe:vfs_* { @a = count(); } kprobe:vfs_* { @b = count(); } kretprobe:vfs_* { @c = count(); }"), ElementsAre("kprobe_vfs___1_session", "", "kprobe_vfs___1_session"));
  EXPECT_THAT(pairs("kprobe:vfs_* { @in = count(); } kretprobe:tcp_* { @out = count(); }"), ElementsAre("", ""));
  EXPECT_THAT(pairs("kprobe:vfs_read { @in = count(); } kretprobe:vfs_read { @out = count(); }"), ElementsAre("", ""));
  EXPECT_THAT(pairs("kprobe:vfs_* else kprobe:no_* { @in = count(); } kretprobe:vfs_* { @out = count(); }"), ElementsAre("", "", ""));
}

TEST(Probes, ParametersInAttachPoints) {
  Compiled c("interval:ms:$1 { exit(); }", "plan", {.parameters_known = true, .parameters = {"250"}});
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_THAT(c.unit->meta.programs[0].target, ElementsAre("ms", "250"));
  Compiled open("interval:ms:$1 { exit(); }", "plan", {});
  EXPECT_THAT(open.messages(), IsEmpty());
  EXPECT_THAT(open.unit->meta.programs[0].target, ElementsAre("ms", "$1"));
}

TEST(Probes, MissingOnesMayBeSkipped) {
  Compiled warned("config = { missing_probes = warn } tracepoint:sched:nosuch {} begin {}");
  EXPECT_FALSE(warned.diagnostics.has_errors());
  EXPECT_THAT(warned.messages(), HasSubstr("No matches for tracepoint sched:nosuch. Skipping."));
  EXPECT_THAT(probes_of(Compiled("config = { missing_probes = ignore } tracepoint:sched:nosuch {}")), IsEmpty());
}

TEST(Probes, TooManyMatches) {
  EXPECT_THAT(Compiled("config = { max_probes = 1 } tracepoint:sched:* {}").messages(), HasSubstr("Can't attach to 2 probes because it exceeds the current limit of 1 probes."));
}

TEST(Probes, AMistakeIsReportedForOneOfManyTargets) {
  EXPECT_EQ(Compiled("tracepoint:sched:* { print(args.nosuch); }").diagnostics.error_count(), 1u);
}

TEST(Plan, StorageFollowsTheTypes) {
  Compiled c("begin { @plain = 5; @keyed[1] = 2; @sum = sum(1); @hist[comm] = hist(1); }");
  EXPECT_THAT(c.messages(), IsEmpty());
  const auto& maps = c.unit->meta.maps;  // by name
  ASSERT_EQ(maps.size(), 4u);
  EXPECT_EQ(maps[0].storage, artifact::Storage::percpu_hash);
  EXPECT_EQ(maps[0].key.at(0).size, 16u);
  EXPECT_EQ(maps[1].storage, artifact::Storage::hash);
  EXPECT_EQ(maps[2].storage, artifact::Storage::global);
  EXPECT_TRUE(maps[2].elf_name.empty());
  EXPECT_EQ(maps[3].storage, artifact::Storage::percpu_slot);
}

TEST(Plan, PayloadsAreNaturallyAligned) {
  Compiled c("begin { printf(\"%d %ld %s\", (uint8)1, nsecs, comm); }");
  const artifact::Site& site = c.unit->meta.sites.at(0);
  ASSERT_EQ(site.args.size(), 3u);
  EXPECT_EQ(site.args[1].offset, 8u);
  EXPECT_EQ(site.args[2].offset, 16u);
  EXPECT_EQ(site.payload, 32u);
  EXPECT_EQ(site.line, 1u);
  EXPECT_EQ(site.source_line, "");  // kept for warnings at run time alone
}

TEST(Plan, OneSiteForCopiesOfABody) {
  Compiled c("tracepoint:sched:sched_exec, tracepoint:sched:sched_switch { printf(\"x\"); }");
  EXPECT_EQ(c.unit->meta.programs.size(), 2u);
  EXPECT_EQ(c.unit->meta.sites.size(), 1u);
}

TEST(Plan, LostCountersFollowTheScalars) {
  Compiled c("begin { @a = nsecs; @b = 1; } end { print(@a); }");
  EXPECT_EQ(c.unit->meta.maps[0].offset, 0u);
  EXPECT_EQ(c.unit->meta.maps[0].set_offset, 8u);
  EXPECT_EQ(c.unit->meta.maps[1].offset, 16u);
  EXPECT_EQ(c.unit->meta.lost_offset, 32u);
  EXPECT_EQ(c.unit->meta.globals_size, 48u);
}

TEST(Plan, DivisionsThatMayFailHaveASite) {
  Compiled c("begin { @x = nsecs; $a = nsecs / 2; $b = nsecs / (uint64)@x; }");
  EXPECT_EQ(c.unit->division_sites.size(), 1u);
}

TEST(Plan, UnsafeScriptsAreMarked) {
  EXPECT_FALSE(Compiled("begin { print(1); }").unit->meta.needs_unsafe);
  EXPECT_TRUE(Compiled("begin { system(\"true\"); }", "plan", {.unsafe = true}).unit->meta.needs_unsafe);
}

TEST(Plan, NoBtfWithoutKernelTypes) {
  Compiled c("begin { @[pid, comm] = count(); printf(\"%d\\n\", (uint32)nsecs); }");
  EXPECT_THAT(c.messages(), IsEmpty());
  EXPECT_EQ(c.host->btf_loads, 0u);
}

TEST(Fold, ComparingTheProbesName) {
  Compiled c("begin, end { if (probe == \"begin\") { print(1); } }");
  EXPECT_THAT(c.messages(), IsEmpty());
  auto& first = std::get<ast::If>(c.unit->probes[0].body.statements[0]->node);
  EXPECT_TRUE(std::get<ast::Boolean>(first.condition->node).value);
}

}  // namespace
}  // namespace awl
