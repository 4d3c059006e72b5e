// Attaches a counting program through each provider on the running kernel and looks whether it fired. Needs root. A line for each probe:
// "ok", "FAIL" or, where the kernel lacks the kind as `--info` would say, "none". Exit status 1 if one failed.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "probes/features.h"
#include "probes/list.h"
#include "probes/provider.h"

using namespace awl;

extern "C" {
[[gnu::noinline, gnu::used]] int awl_check_target(int n) {
  asm volatile("");
  return n + 1;
}
[[gnu::noinline, gnu::used]] int awl_check_target_two(int n) {
  asm volatile("");
  return n + 2;
}
}

namespace {

struct Counter {
  int map = -1;
  Counter() { map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "awl_check", 4, 8, 1, nullptr); }
  ~Counter() { close(map); }
  uint64_t value() const {
    const uint32_t key = 0;
    uint64_t value = 0;
    bpf_map_lookup_elem(map, &key, &value);
    return value;
  }
};

// Adds 1, or the attach cookie, to the counter.
std::vector<bpf_insn> counting(int map, bool cookie) {
  std::vector<bpf_insn> code;
  const auto emit = [&](int op, int dst, int src, int off, int imm) {
    code.push_back({.code = static_cast<__u8>(op),
                    .dst_reg = static_cast<__u8>(dst & 15),
                    .src_reg = static_cast<__u8>(src & 15),
                    .off = static_cast<__s16>(off),
                    .imm = imm});
  };
  if (cookie) {
    emit(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_attach_cookie);
    emit(BPF_ALU64 | BPF_MOV | BPF_X, 6, 0, 0, 0);
  } else {
    emit(BPF_ALU64 | BPF_MOV | BPF_K, 6, 0, 0, 1);
  }
  emit(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0);
  emit(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
  emit(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4);
  emit(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map);
  emit(0, 0, 0, 0, 0);
  emit(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
  emit(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, 0);
  emit(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 6, 0, BPF_ADD);
  emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
  emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  return code;
}

Result<int> load(const Target& target, std::span<const Target> matches, int map, bool cookie, Host& host) {
  const std::string section = target.provider->section(target);
  bpf_prog_type type{};
  bpf_attach_type attach{};
  if (libbpf_prog_type_by_name(section.c_str(), &type, &attach) < 0) return fail(errno, "section '{}' means nothing to libbpf", section);
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = attach;
  if (section.starts_with("f") || section.starts_with("tp_btf")) {
    const int id = libbpf_find_vmlinux_btf_id(section.substr(section.find('/') + 1).c_str(), attach);
    if (id < 0) return fail(-id, "no BTF id for '{}'", section);
    options.attach_btf_id = static_cast<uint32_t>(id);
  }
  if (matches.size() > 1 && target.provider->prepare) {
    const bool kernel = section.starts_with("k");
    if (host.has_feature(kernel ? Feature::kprobe_multi : Feature::uprobe_multi))
      options.expected_attach_type = kernel ? BPF_TRACE_KPROBE_MULTI : BPF_TRACE_UPROBE_MULTI;
  }
  const auto code = counting(map, cookie);
  char log[4096] = "";
  options.log_buf = log;
  options.log_size = sizeof log;
  options.log_level = 1;
  const int program = bpf_prog_load(type, "awl_check", "GPL", code.data(), code.size(), &options);
  if (program < 0) return fail(errno, "cannot load: {}", log);
  return program;
}

void call_getppid() {
  for (int i = 0; i < 50; ++i) syscall(__NR_getppid);
}
void read_zeros() {
  const int zero = open("/dev/zero", O_RDONLY);
  char byte = 0;
  for (int i = 0; i < 50; ++i)
    if (read(zero, &byte, 1) != 1) abort();
  close(zero);
}
void fault_pages() {
  char* pages = static_cast<char*>(mmap(nullptr, 200 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  madvise(pages, 200 << 12, MADV_NOHUGEPAGE);
  for (int i = 0; i < 200; ++i) pages[i << 12] = 1;
  munmap(pages, 200 << 12);
}
void call_target() {
  for (int i = 0; i < 50; ++i) awl_check_target(i), awl_check_target_two(i);
}
void rest() {
  const timespec time{0, 300'000'000};
  nanosleep(&time, nullptr);
}

struct Case {
  std::string text;
  std::function<void()> work;
  uint64_t least;
  uint64_t most = UINT64_MAX;
  bool cookie = false;
  bool self_only = false;
};

int failures = 0;

Result<uint64_t> run(const Case& test, Host& host, size_t& count) {
  Sources sources;
  const uint32_t file = sources.add("check", test.text);
  Diagnostics diagnostics(sources);
  std::vector<std::string> parts;
  for (size_t at = 0; at <= test.text.size();) {
    const size_t end = std::min(test.text.find(':', at), test.text.size());
    parts.push_back(test.text.substr(at, end - at));
    at = end + 1;
  }
  const Provider* provider = find_provider(parts[0]);
  parts.erase(parts.begin());
  const auto target = provider->parse(parts, Span{file, 0, 1}, diagnostics);
  if (!target) return fail(0, "{}", render(diagnostics, {}));
  AWL_TRY(matches, provider->match(*target, host));
  count = matches.size();
  if (matches.empty()) return fail(ENOENT, "no matches");
  AWL_TRY(context, provider->context(matches[0], host));
  const Counter counter;
  {
    const bool each = provider->expand == Expand::program_per_match;
    std::vector<Link> links;
    for (size_t i = 0; i < (each ? matches.size() : 1); ++i) {
      const auto served = each ? std::span(matches).subspan(i, 1) : std::span(matches);
      AWL_TRY(program, load(each ? matches[i] : *target, served, counter.map, test.cookie, host));
      const Provider::AttachRequest request{.program = program,
                                            .matches = served,
                                            .cookies = test.cookie,
                                            .first_cookie = 1000,
                                            .pid = test.self_only ? std::optional<int>(getpid()) : std::nullopt};
      auto attached = provider->attach(request, host);
      close(program);
      if (!attached) return std::unexpected(attached.error());
      for (Link& link : *attached) links.push_back(std::move(link));
    }
    test.work();
  }
  const uint64_t fired = counter.value();
  test.work();
  if (counter.value() != fired) return fail(0, "still fires after its links are gone");
  return fired;
}

void check(const Case& test, Host& host) {
  size_t count = 0;
  const auto fired = run(test, host, count);
  const bool good = fired && *fired >= test.least && *fired <= test.most;
  failures += !good;
  printf("%-5s %-50s matches %zu, %s\n", good ? "ok" : "FAIL", test.text.c_str(), count,
         fired ? fmt::format("counted {} (expected {} to {})", *fired, test.least, test.most).c_str()
               : (fired.error().text() + "; hint: " + fired.error().hint).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const auto host = make_linux_host({});
  if (argc == 3 && std::string_view(argv[1]) == "-lv") {
    const auto lines = list_probes(argv[2], true, *host);
    if (!lines) return fprintf(stderr, "%s\n", lines.error().text().c_str()), 1;
    for (const std::string& line : *lines) puts(line.c_str());
    return 0;
  }
  for (const Feature feature : {Feature::kprobe_multi, Feature::uprobe_multi, Feature::attach_cookie, Feature::atomic_fetch, Feature::large_keys, Feature::percpu_lookup})
    printf("%s %s\n", feature_name(feature).data(), host->has_feature(feature) ? "yes" : "no");
  const bool cookies = host->has_feature(Feature::attach_cookie);
  const std::string self = argv[0];
  const uint64_t cpus = host->online_cpus().size();
  std::vector<Case> cases{
      {"tracepoint:syscalls:sys_enter_getppid", call_getppid, 50},
      {"tracepoint:sched:sched_switch", rest, 1},
      {"tracepoint:syscalls:sys_*_getpp*", call_getppid, 100},
      {"rawtracepoint:sys_enter", call_getppid, 50},
      {"rawtracepoint:sched_switch", rest, 1},
      {"interval:ms:10", rest, 20, 40},
      {"profile:hz:100", rest, 15 * cpus, 40 * cpus},
      {"software:faults", fault_pages, 100},
      {"software:faults:10", fault_pages, 10},
      {"uprobe:" + self + ":awl_check_target", call_target, 50, 50},
      {"uprobe:" + self + ":awl_check_target*", call_target, 100, 100},
      {"uretprobe:" + self + ":awl_check_target*", call_target, 100, 100},
      {"uretprobe:" + self + ":awl_check_target_two", call_target, 50, 50, false, true},
      {"uprobe:libc:getppid",
       [] {
         for (int i = 0; i < 50; ++i) getppid();
       },
       50},
  };
  if (access("/sys/bus/event_source/devices/kprobe", F_OK) == 0) {
    cases.push_back({"kprobe:vfs_read", read_zeros, 50});
    cases.push_back({"kretprobe:vfs_read", read_zeros, 50});
    cases.push_back({"kprobe:vfs_rea*", read_zeros, 50});
    cases.push_back({"kretprobe:vfs_rea*", read_zeros, 50});
    cases.push_back({"kprobe:__x64_sys_getppid", call_getppid, 50});  // an alias that the lists of functions leave out
    cases.push_back({"fentry:vfs_read", read_zeros, 50});
    cases.push_back({"fexit:vfs_read", read_zeros, 50});
    cases.push_back({"fentry:vfs_rea*", read_zeros, 50});
    if (cookies) cases.push_back({"kprobe:vfs_rea*", read_zeros, 50000, UINT64_MAX, true});
  }
  if (cookies) {
    cases.push_back({"uprobe:" + self + ":awl_check_target*", call_target, 100050, 100050, true});
    cases.push_back({"tracepoint:syscalls:sys_*_getpp*", call_getppid, 100050, UINT64_MAX, true});
  }
  for (const Case& test : cases) check(test, *host);
  return failures != 0;
}
