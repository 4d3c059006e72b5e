#include "runtime/select.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <regex>

#include "runtime/config.h"
#include "runtime/params.h"

namespace awl {
namespace {

using artifact::Meta;

// A target as it is on this run: positional parameters filled in, checked again by its provider.
Result<Target> run_target(const LoadedProgram& program, const SessionOptions& options) {
  Target target{.provider = program.provider, .parts = program.row->target};
  bool changed = false;
  for (std::string& part : target.parts) {
    AWL_TRY(text, substitute_parameters(part, options));
    changed |= text != part;
    part = std::move(text);
  }
  if (!changed || !program.provider->parse) return target;
  Sources sources;
  Diagnostics diagnostics(sources);
  std::optional<Target> parsed = program.provider->parse(target.parts, {}, diagnostics);
  if (parsed) return std::move(*parsed);
  std::string why = diagnostics.all().empty() ? "not a valid target" : diagnostics.all().front().text;
  return fail(0, "{}: {}", program.row->place, why);
}

// Looks up what a program's target means here. No match: an error, or a warning and no program, as missing_probes says.
Result<bool> find_matches(LoadedProgram& program, Host& host, const SessionOptions& options, std::string_view missing, Messages& messages) {
  if (run_by_session(program.provider->runs)) return true;
  AWL_TRY(target, run_target(program, options));
  if (program.provider->needs_unsafe && program.provider->needs_unsafe(target) && !options.unsafe)
    return fail_text(0, fmt::format("{} is an unsafe probe", target.text()), "allow it with --unsafe");
  if (options.mode == RunMode::test && program.provider->takes_packets) {
    program.matches = {target};
    return true;
  }
  if (program.provider->match) {
    Result<std::vector<Target>> matches = program.provider->match(target, host);
    if (!matches) return std::unexpected(std::move(matches.error()).context(target.text()));
    program.matches = std::move(*matches);
  } else {
    program.matches = {target};
  }
  for (const std::vector<std::string>& parts : program.row->also) {
    AWL_TRY(more, program.provider->match({program.provider, parts}, host));
    std::ranges::move(more, std::back_inserter(program.matches));
  }
  if (!program.matches.empty()) return true;
  std::string text = target.text(), kind(program.provider->name);
  std::string what = text.starts_with(kind + ":") ? kind + " " + text.substr(kind.size() + 1) : text;
  if (missing == "error")
    return fail_text(0, fmt::format("No matches for {}.", what), "If this is expected, set the 'missing_probes' config variable to 'warn'.");
  if (missing == "warn") messages.warning(fmt::format("No matches for {}. Skipping.", what));
  return false;
}

// Whether this run uses programs of a kind; `test` and `bench` probes are for their own runs.
bool wanted(Runs runs, RunMode mode) {
  if (runs == Runs::as_test) return mode == RunMode::test;
  if (runs == Runs::as_benchmark) return mode == RunMode::bench;
  return true;
}

// Whether an alternative can be used here, as far as can be told without trying.
bool exists_here(LoadedProgram& program, Host& host, const SessionOptions& options, Messages& messages) {
  const Result<bool> found = find_matches(program, host, options, "ignore", messages);
  const bool exists = found && *found && (!program.provider->usable || program.provider->usable(host));
  if (!exists && options.verbose) messages.plain(fmt::format("Alternative {} does not exist here", program.row->probe));
  return exists;
}

// Attach points that `else` joins, none of which exists.
struct Group {
  bool found = false;
  std::string tried;
};

Result<> check_groups(const std::map<uint32_t, Group>& groups, std::string_view missing, Messages& messages) {
  for (const auto& [number, group] : groups) {
    if (group.found) continue;
    if (missing == "error")
      return fail_text(0, fmt::format("None of these attach points exists: {}", group.tried), "If this is expected, set the 'missing_probes' config variable to 'warn'.");
    if (missing == "warn") messages.warning(fmt::format("None of these attach points exists: {}. Skipping.", group.tried));
  }
  return {};
}

// Whether `program` is the one behind a watchpoint on a function's argument, which tells the watchpoint its address.
bool sets(const LoadedProgram& program, const LoadedProgram& watchpoint) {
  if (!watchpoint.provider->placement || watchpoint.row->place != program.row->place) return false;
  const std::optional<Placement> placement = watchpoint.provider->placement({watchpoint.provider, watchpoint.row->target});
  return placement && placement->setter && placement->setter->provider == program.provider && placement->setter->parts == program.row->target;
}

// --probe-filter: leaves the matches whose names the expression is found in; a program without any goes. What is not written in the script goes
// with what it is for.
void filter_programs(std::vector<LoadedProgram>& programs, const std::regex& filter) {
  std::vector<size_t> gone;
  for (LoadedProgram& program : programs) {
    const Runs runs = program.provider->runs;
    const auto fits = [&](const Target& match) { return std::regex_search(match.text(), filter); };
    const auto watchpoint = std::ranges::find_if(programs, [&](const LoadedProgram& other) { return sets(program, other); });
    if (runs == Runs::at_start || runs == Runs::at_end) continue;
    if (run_by_session(runs)) {
      if (!std::regex_search(program.row->probe, filter)) gone.push_back(program.index);
    } else if (watchpoint != programs.end()) {
      if (!fits({watchpoint->provider, watchpoint->row->target})) gone.push_back(program.index);
    } else {
      std::erase_if(program.matches, [&](const Target& match) { return !fits(match); });
      if (program.matches.empty()) gone.push_back(program.index);
    }
  }
  std::erase_if(programs, [&](const LoadedProgram& program) { return std::ranges::binary_search(gone, program.index); });
}

Result<std::optional<std::regex>> read_filter(const std::string& text) {
  if (text.empty()) return std::optional<std::regex>();
  try {
    return std::regex(text, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return fail_text(0, fmt::format("'{}' is not a regular expression: {}", text, error.what()), "give --probe-filter an expression such as '^tracepoint:sched:'");
  }
}

}  // namespace

Result<std::vector<LoadedProgram>> select_programs(const Meta& meta, Host& host, const SessionOptions& options, Messages& messages) {
  std::string_view missing = setting(meta, "missing_probes", "error");
  AWL_TRY(filter, read_filter(options.probe_filter));
  std::map<uint32_t, Group> groups;
  std::vector<LoadedProgram> programs;
  for (size_t i = 0; i < meta.programs.size(); ++i) {
    const artifact::Program& row = meta.programs[i];
    LoadedProgram program{.index = i, .row = &row, .provider = find_provider(row.provider)};
    if (!program.provider) return fail(0, "the object needs the probe kind '{}', which this awl does not know", row.provider);
    if (!wanted(program.provider->runs, options.mode)) continue;
    bool exists = false;
    if (row.group) {
      Group& group = groups[row.group];
      exists = exists_here(program, host, options, messages);
      group.found |= exists;
      if (!exists) group.tried += (group.tried.empty() ? "" : ", ") + row.probe;
    } else {
      AWL_TRY(found, find_matches(program, host, options, missing, messages));
      exists = found;
    }
    if (exists) programs.push_back(std::move(program));
    else if (!row.group && missing == "warn" && options.probe_filter.empty())
      messages.warning("Probe has no valid attach points. It is being removed which may cause issues with program behavior.");
  }
  if (filter) filter_programs(programs, *filter);
  AWL_CHECK(check_groups(groups, missing, messages));
  return programs;
}

namespace {

bool same_functions(const LoadedProgram& a, const LoadedProgram& b) {
  return std::ranges::equal(a.matches, b.matches, {}, &Target::parts, &Target::parts);
}

}  // namespace

void pair_sessions(std::span<LoadedProgram> programs, Host& host, const SessionOptions& options, Messages& messages) {
  if (!options.btf_file.empty()) return;  // types of another kernel do not tell this one's number of the function that a session asks
  for (LoadedProgram& first : programs) {
    const FunctionSession* session = first.provider->session;
    if (!session || first.row->session.empty()) continue;
    const auto second = std::ranges::find_if(programs, [&](const LoadedProgram& other) { return other.row->session == first.row->session && other.provider->name == session->returns; });
    if (second == programs.end() || !same_functions(first, *second) || !session->usable(first.matches, host)) continue;
    first.session = LoadedProgram::Session::first;
    second->session = LoadedProgram::Session::second;
    if (options.verbose) messages.plain(fmt::format("{} and {} are attached as one session", first.row->probe, second->row->probe));
  }
}

bool is_spare(const LoadedProgram& program, std::span<const LoadedProgram> programs) {
  const artifact::Program& row = *program.row;
  return row.group && std::ranges::any_of(programs, [&](const LoadedProgram& other) { return other.row->group == row.group && other.row->rank < row.rank; });
}

size_t count_probes(std::span<const LoadedProgram> programs) {
  size_t count = 0;
  for (const LoadedProgram& program : programs)
    if (!is_spare(program, programs)) count += std::max<size_t>(program.matches.size(), 1);
  return count;
}

Result<> check_limits(std::span<const LoadedProgram> programs, const Meta& meta) {
  const size_t probes = count_probes(programs);
  uint64_t max_probes = number_setting(meta, "max_probes", 1024), max_programs = number_setting(meta, "max_bpf_progs", 1024);
  if (probes > max_probes)
    return fail_text(0, fmt::format("Can't attach to {} probes because it exceeds the current limit of {} probes.", probes, max_probes),
                     "raise it with the config max_probes or the environment variable BPFTRACE_MAX_PROBES; many probes slow the system down");
  if (programs.size() > max_programs)
    return fail_text(0, fmt::format("Can't load {} BPF programs because it exceeds the current limit of {} programs.", programs.size(), max_programs),
                     "raise it with the config max_bpf_progs or the environment variable BPFTRACE_MAX_BPF_PROGS");
  return {};
}

bool drop_alternative(std::vector<LoadedProgram>& programs, const LoadedProgram& refused, std::string_view why, const SessionOptions& options, Messages& messages) {
  const artifact::Program& row = *refused.row;
  const auto is_other = [&](const LoadedProgram& program) { return program.row->group == row.group && program.row->rank != row.rank; };
  if (!row.group || std::ranges::none_of(programs, is_other)) return false;
  if (options.verbose) messages.plain(fmt::format("Alternative {} is refused: {}", row.probe, why));
  std::erase_if(programs, [&](const LoadedProgram& program) { return program.row->group == row.group && !is_other(program); });
  return true;
}

}  // namespace awl
