#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>

#include <algorithm>
#include <charconv>

#include "base/diag/probes.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr std::string_view aliases[] = {"w"}, async_aliases[] = {"aw"};

// What x86's debug registers can watch for.
struct Mode {
  std::string_view name;
  uint32_t access;
};
constexpr Mode modes[] = {{"x", HW_BREAKPOINT_X}, {"w", HW_BREAKPOINT_W}, {"rw", HW_BREAKPOINT_RW}};

const Mode* find_mode(std::string_view name) {
  std::string sorted(name);
  std::ranges::sort(sorted);
  for (const Mode& mode : modes)
    if (sorted == mode.name) return &mode;
  return nullptr;
}

bool is_number(std::string_view text) { return !text.empty() && text[0] >= '0' && text[0] <= '9'; }

// The part that says what is watched.
const std::string& place_of(const Target& target) { return target.parts[target.parts.size() - 3]; }

// "FUNCTION+argN": the address is argument N of the function.
struct ArgumentPlace {
  std::string function, argument;
};
std::optional<ArgumentPlace> argument_place(std::string_view place) {
  const size_t plus = place.rfind("+arg");
  if (plus == std::string_view::npos || plus == 0) return std::nullopt;
  const std::string_view argument = place.substr(plus + 1);
  if (argument.size() == 3 || argument.find_first_not_of("0123456789", 3) != std::string_view::npos) return std::nullopt;
  return ArgumentPlace{std::string(place.substr(0, plus)), std::string(argument)};
}

std::optional<Placement> placement_of(const Target& target, bool stops) {
  const std::string& place = place_of(target);
  if (place.starts_with('@')) return Placement{.name = place.substr(1)};
  const auto argument = argument_place(place);
  if (!argument) return std::nullopt;
  // Without a binary: wherever the process has the function.
  const std::string binary = target.parts.size() == 4 ? target.parts[0] : "*";
  return Placement{.name = target.text(), .setter = Target{&uprobe_provider, {binary, argument->function}}, .argument = argument->argument, .stops = stops};
}

bool check_length(const std::string& length, bool execute, Span span, Diagnostics& diagnostics) {
  if (has_parameter(length)) return true;
  const auto bytes = parse_unsigned(length);
  if (!bytes || (*bytes != 1 && *bytes != 2 && *bytes != 4 && *bytes != 8)) {
    diagnostics.report<Diag::watchpoint_length>(span);
    return false;
  }
  if (execute && *bytes != 8) {
    diagnostics.report<Diag::watchpoint_refused>(span, "a watchpoint on execution has the length 8");
    return false;
  }
  return true;
}

bool check_mode(const std::string& mode, Span span, Diagnostics& diagnostics) {
  if (has_parameter(mode) || find_mode(mode)) return true;
  std::string sorted = mode;
  std::ranges::sort(sorted);
  const bool letters = !mode.empty() && mode.find_first_not_of("rwx") == std::string::npos && std::ranges::adjacent_find(sorted) == sorted.end();
  if (letters) diagnostics.report<Diag::watchpoint_mode>(span, mode).hint("the CPU's debug registers know: x,w,rw");
  else if (mode.size() == 1) diagnostics.report<Diag::watchpoint_mode>(span, mode).hint("supported modes: x,w,rw");
  else diagnostics.report<Diag::watchpoint_letters>(span);
  return false;
}

std::optional<Target> parse_watchpoint(const Provider& provider, std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(provider, parts, 3, 4, span, diagnostics)) return std::nullopt;
  const std::string &place = parts[parts.size() - 3], &length = parts[parts.size() - 2], &mode = parts.back();
  if (place.empty() || parts[0].empty()) {
    diagnostics.report<Diag::probe_empty_part>(span, provider.name, "address");
    return std::nullopt;
  }
  if (!check_mode(mode, span, diagnostics) || !check_length(length, mode == "x", span, diagnostics)) return std::nullopt;
  if (is_number(place)) {
    const auto address = parse_unsigned(place);
    const auto bytes = parse_unsigned(length);
    if (!address) {
      diagnostics.report<Diag::probe_address>(span, address.error());
      return std::nullopt;
    }
    if (*address == 0 || parts.size() == 4) {
      diagnostics.report<Diag::watchpoint_refused>(span, *address == 0 ? "a watchpoint cannot be at address 0" : "an address belongs to no binary");
      return std::nullopt;
    }
    if (bytes && *bytes && *bytes <= 8 && *address % *bytes != 0) {
      diagnostics.report<Diag::watchpoint_refused>(span, fmt::format("the CPU watches {} bytes only at addresses that are divisible by {}", *bytes, *bytes));
      return std::nullopt;
    }
  }
  if (place.starts_with('@') && (place.size() == 1 || parts.size() == 4)) {
    diagnostics.report<Diag::watchpoint_refused>(span, "a watchpoint that watch() sets is written as @NAME, without a binary");
    return std::nullopt;
  }
  return Target{&provider, {parts.begin(), parts.end()}};
}

// Where the first byte of a file lies in a process.
std::optional<uint64_t> load_address(int pid, const std::string& path, Host& host) {
  const auto maps = host.read_file(fmt::format("/proc/{}/maps", pid), 64 << 20);
  if (!maps) return std::nullopt;
  for (size_t at = 0; at < maps->size();) {
    const size_t end = std::min(maps->find('\n', at), maps->size());
    const std::string_view line = std::string_view(*maps).substr(at, end - at);
    at = end + 1;
    const size_t slash = line.find('/');
    if (slash == std::string_view::npos || !path.ends_with(line.substr(slash))) continue;
    uint64_t start = 0;
    std::from_chars(line.data(), line.data() + line.size(), start, 16);
    return start;
  }
  return std::nullopt;
}

// A watchpoint is not looked up before it is attached: its process may not run yet.
Result<std::vector<Target>> match_watchpoint(const Target& target, Host& host) {
  if (target.parts.size() == 3 && argument_place(place_of(target)) && !host.process)
    return fail_text(0, fmt::format("{}: which program has the function?", target.text()), fmt::format("name it, {}:BINARY:{}, or give its process with -p or -c", target.provider->name, fmt::join(target.parts, ":")));
  return std::vector{target};
}

// An address, the symbol of the kernel, or BINARY:VARIABLE of the process of -p or -c.
Result<uint64_t> address_of(const Target& target, std::optional<int> pid, Host& host) {
  const std::string& place = place_of(target);
  if (is_number(place)) return parse_unsigned(place).value_or(0);
  if (target.parts.size() == 3) return host.kernel_symbol(place);
  AWL_TRY(path, host.find_binary(target.parts[0]));
  AWL_TRY(variable, host.elf_symbol(path, place));
  if (!pid) return fail_text(0, fmt::format("{}: where a program's variables are differs from process to process", target.text()), "say which process is meant with -p or -c");
  const auto start = load_address(*pid, path, host);
  if (!start) return fail_text(0, fmt::format("process {} has not mapped '{}'", *pid, path), "give the binary that the process runs, or a library that it has loaded");
  return variable.address >= *start ? variable.address : *start + variable.address;  // at a fixed address, or relative to the start
}

Result<std::vector<Link>> attach_watchpoint(const Provider::AttachRequest& request, Host& host) {
  host.loaded_process();  // addresses are those of its program
  std::vector<Link> links;
  for (const Target& target : request.matches) {
    if (placement_of(target, false)) continue;
    AWL_TRY(address, address_of(target, request.pid, host));
    const Mode* mode = find_mode(target.parts.back());
    const PerfEvent event{.type = PERF_TYPE_BREAKPOINT,
                          .period = 1,
                          .address = address,
                          .length = parse_unsigned(target.parts[target.parts.size() - 2]).value_or(8),
                          .access = mode ? mode->access : 0};
    if (!request.pid) {
      auto link = host.attach_perf_event(request.program, event, -1, host.online_cpus());
      if (!link) return std::unexpected(std::move(link).error().context(target.text()));
      links.push_back(std::move(*link));
      continue;
    }
    AWL_TRY(threads, host.threads(*request.pid));
    for (const int thread : threads) {
      auto link = host.attach_perf_event(request.program, event, thread, {});
      if (!link && link.error().code == ESRCH && thread != *request.pid) continue;  // it ended just now
      if (!link) return std::unexpected(std::move(link).error().context(target.text()));
      links.push_back(std::move(*link));
    }
  }
  return links;
}

std::optional<uint64_t> fixed_address(const Target& target) {
  const std::string& place = place_of(target);
  if (!is_number(place)) return std::nullopt;
  const auto address = parse_unsigned(place);
  return address ? std::optional(*address) : std::nullopt;
}

Target place_at(const Target& target, uint64_t address) {
  return {target.provider, {fmt::format("{:#x}", address), target.parts[target.parts.size() - 2], target.parts.back()}};
}

// The two kinds differ where a function's argument is the address.
constexpr Provider watchpoints{
    .expand = Expand::one_program,
    .match = match_watchpoint,
    .context = [](const Target&, Host&) -> Result<Context> { return Context{.registers = true}; },
    .section = [](const Target&) -> std::string { return "perf_event"; },
    .attach = attach_watchpoint,
    .watched_address = fixed_address,
    .place_at = place_at,
};

constexpr Provider make_watchpoint() {
  Provider made = watchpoints;
  made.name = "watchpoint";
  made.aliases = aliases;
  made.syntax = "watchpoint:ADDRESS:LENGTH:MODE, watchpoint:SYMBOL:LENGTH:MODE, watchpoint:BINARY:VARIABLE:LENGTH:MODE, watchpoint:[BINARY:]FUNCTION+argN:LENGTH:MODE, or watchpoint:@NAME:LENGTH:MODE";
  made.doc = "Accesses to memory, seen by the CPU's debug registers (four on x86). LENGTH is 1, 2, 4 or 8 bytes; MODE is w (writes), rw (all accesses) or x (execution, with "
             "length 8). An address is one of the process of -p or -c, in all its threads, or of any process. A symbol alone is one of the kernel; BINARY:VARIABLE one of a "
             "program or library of the process of -p or -c. FUNCTION+argN is the address in an argument of a function, watched in the process that calls it from the call on, each "
             "address once, until unwatch() is called for it; the process is stopped (SIGSTOP) until it is watched, which needs --unsafe: see asyncwatchpoint. @NAME is watched where watch() says.";
  made.example = "watchpoint:jiffies:8:w { @[kstack(3)] = count(); }";
  made.parse = [](std::span<const std::string> parts, Span span, Diagnostics& diagnostics) { return parse_watchpoint(watchpoint_provider, parts, span, diagnostics); };
  made.placement = [](const Target& target) { return placement_of(target, true); };
  made.needs_unsafe = [](const Target& target) { return argument_place(place_of(target)).has_value(); };
  return made;
}

constexpr Provider make_asyncwatchpoint() {
  Provider made = watchpoints;
  made.name = "asyncwatchpoint";
  made.aliases = async_aliases;
  made.syntax = "asyncwatchpoint:[BINARY:]FUNCTION+argN:LENGTH:MODE, or as watchpoint";
  made.doc = "As watchpoint, but a process goes on while the address in its function's argument comes to be watched: what it does within the first milliseconds may be missed.";
  made.example = "asyncwatchpoint:libc:free+arg0:8:w { @[ustack(3)] = count(); }";
  made.parse = [](std::span<const std::string> parts, Span span, Diagnostics& diagnostics) { return parse_watchpoint(asyncwatchpoint_provider, parts, span, diagnostics); };
  made.placement = [](const Target& target) { return placement_of(target, false); };
  return made;
}

}  // namespace

constinit const Provider watchpoint_provider = make_watchpoint(), asyncwatchpoint_provider = make_asyncwatchpoint();

}  // namespace awl
