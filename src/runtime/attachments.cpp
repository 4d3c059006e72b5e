#include "runtime/attachments.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "runtime/config.h"
#include "runtime/select.h"
#include "runtime/symbols.h"

namespace awl {

using std::chrono::milliseconds;

namespace {

// Attaching or detaching that takes longer is told, and how often.
constexpr milliseconds progress_after{1000}, progress_interval{100};

}  // namespace

Result<> Attachments::attach_all() {
  work_began_ = Clock::now();
  to_attach_ = count_probes(loaded_->programs);
  const bool named = !options_->replace_name.empty() && !options_->dry_run && options_->mode == RunMode::trace;
  if (named) AWL_CHECK(handover_.begin(options_->replace_name));
  Result<> attached = attach_programs();
  end_progress();
  if (attached && named) attached = handover_.commit();
  if (!attached) detach();
  return attached;
}

// Watchpoints are kept by their address, for unwatch(): their programs have one match each.
std::vector<Link>& Attachments::links_of(const LoadedProgram& program, std::span<const Target> matches) {
  if (!program.provider->watched_address || matches.size() != 1) return links_;
  std::optional<uint64_t> address = program.provider->watched_address(matches.front());
  return address ? watches_[{*address, program.index}] : links_;
}

// watch(): attaches the programs of that name, each once for an address of a process.
void Attachments::watch(const std::string& name, uint64_t address, int process) {
  std::erase_if(watches_, [](const auto& watch) { return watch.first.process != 0 && kill(watch.first.process, 0) != 0 && errno == ESRCH; });
  for (const LoadedProgram& program : loaded_->programs) {
    const std::optional<Placement> placement = program.provider->placement && !program.matches.empty() ? program.provider->placement(program.matches.front()) : std::nullopt;
    if (!placement || placement->name != name) continue;
    auto [watch, fresh] = watches_.try_emplace({address, program.index, process});
    if (!fresh) continue;
    const Target target = program.provider->place_at(program.matches.front(), address);
    Result<std::vector<Link>> links = program.provider->attach({.program = bpf_program__fd(program.program), .matches = {&target, 1}, .pid = process}, *host_);
    if (links) {
      watch->second = std::move(*links);
      continue;
    }
    watches_.erase(watch);
    const bool gone = links.error().code == ESRCH || links.error().code == ENOENT;
    if (gone || !refused_watches_.insert(program.index).second) continue;
    messages_->warning(fmt::format("{}. Further addresses of {} that cannot be watched are not told.", links.error().text(), program.row->probe));
    messages_->plain("HINT: " + links.error().hint);
  }
}

void Attachments::unwatch(uint64_t address) {
  std::erase_if(watches_, [&](const auto& watch) { return watch.first.address == address; });
}

Result<> Attachments::iterate(LoadedProgram& program) {
  for (const Target& match : program.matches)
    if (options_->verbose) messages_->plain(fmt::format("Trying to attach probe: {}", match.text()));
  AWL_TRY(iteration, program.provider->iterate({.program = bpf_program__fd(program.program), .matches = program.matches}, *host_));
  if (iteration.descriptor >= 0) iterators_.add(Fd(iteration.descriptor));
  if (!iteration.pin.empty()) messages_->plain(fmt::format("Program pinned to {}", iteration.pin));
  ++attached_;
  return {};
}

// Work that takes long is told on a terminal, in one line that is taken away at its end.
void Attachments::show_progress(std::string_view what, size_t done, size_t all) {
  const Clock::time_point now = Clock::now();
  if (!options_->show_progress || now - work_began_ < progress_after || now < progress_due_) return;
  progress_due_ = now + progress_interval;
  progress_shown_ = true;
  fmt::print(options_->messages, "\r{}: {} of {} probes\033[K", what, done, all);
  std::fflush(options_->messages);
}

void Attachments::end_progress() {
  if (!progress_shown_) return;
  fmt::print(options_->messages, "\r\033[K");
  std::fflush(options_->messages);
  progress_shown_ = false;
}

// `made`: of the program that is being attached. False when the user does not want to wait.
bool Attachments::attaching(size_t made) {
  show_progress("Attaching", attached_ + made, to_attach_);
  return !options_->interrupted || !options_->interrupted();
}

// For each link the kernel may wait for all its CPUs: many at a time take hardly longer than one.
void Attachments::detach() {
  constexpr size_t few = 16, threads = 16;
  work_began_ = Clock::now();
  const size_t all = links_.size();
  std::atomic<size_t> next = 0, done = 0;
  std::vector<std::thread> workers;
  for (size_t t = 0; all > few && t < threads; ++t)
    workers.emplace_back([&] {
      for (size_t i = next++; i < all; i = next++) {
        Link gone = std::move(links_[i]);
        ++done;
      }
    });
  while (!workers.empty() && done < all) {
    std::this_thread::sleep_for(milliseconds(1));
    show_progress("Detaching", done, all);
  }
  for (std::thread& worker : workers) worker.join();
  links_.clear();
  watches_.clear();
  end_progress();
}

// Into the links that another session hands over for these matches; to the other matches anew.
Result<> Attachments::attach_to(const LoadedProgram& program, Provider::AttachRequest request) {
  std::vector<Target> others;
  for (const Target& match : request.matches) {
    AWL_TRY(taken, handover_.take(match.text(), request.program));
    if (!taken) {
      others.push_back(match);
      continue;
    }
    exchangeable_.push_back({match.text(), taken->exchangeable(), request.program});
    links_.push_back(std::move(*taken));
  }
  if (others.empty()) return {};
  if (others.size() != request.matches.size()) request.matches = others;
  AWL_TRY(links, program.provider->attach(request, *host_));
  for (size_t i = 0; i < links.size() && links.size() == request.matches.size(); ++i)
    if (links[i].exchangeable() >= 0) exchangeable_.push_back({request.matches[i].text(), links[i].exchangeable(), request.program});
  std::vector<Link>& home = links_of(program, request.matches);
  std::move(links.begin(), links.end(), std::back_inserter(home));
  return {};
}

// Whether another session has taken this one's place.
Result<bool> Attachments::replaced() {
  AWL_TRY(taken, handover_.serve(exchangeable_));
  if (taken) messages_->plain(fmt::format("Replaced by process {}", handover_.successor()));
  return taken;
}

Result<> Attachments::attach(LoadedProgram& program) {
  std::optional<int> pid = options_->pid ? options_->pid : options_->child;
  const bool places = program.row->uses_places, session = program.session == LoadedProgram::Session::first;
  auto attach_one = [&](int fd, std::span<const Target> matches, bool cookies, std::optional<size_t> only_row = {}) -> Result<> {
    Provider::AttachRequest request{.program = fd, .matches = matches, .cookies = cookies, .first_cookie = program.first_place, .only_row = only_row, .pid = pid,
                                    .progress = [this](size_t made) { return attaching(made); }, .session = session, .unsafe = options_->unsafe};
    AWL_CHECK(attach_to(program, request));
    if (!attaching(0)) return fail(EINTR, "attaching was interrupted");
    return {};
  };
  for (const Target& match : program.matches)
    if (options_->verbose) messages_->plain(fmt::format("Trying to attach probe: {}", match.text()));
  const std::span<const Target> all = program.matches;
  const bool done = program.session == LoadedProgram::Session::second;  // by the first
  if (program.copies.empty() && !done) AWL_CHECK(attach_one(bpf_program__fd(program.program), all, places || session || program.row->per_target));
  for (size_t i = 0; i < program.copies.size(); ++i)
    AWL_CHECK(attach_one(program.copies[i].get(), places ? all : all.subspan(i, 1), false, places ? std::optional(i) : std::nullopt));
  attached_ += all.size();
  return {};
}

Result<> Attachments::attach_program(LoadedProgram& program) {
  if (run_by_session(program.provider->runs) || (options_->mode == RunMode::test && program.provider->takes_packets)) {
    ++attached_;
    return {};
  }
  if (program.row->per_target) {
    std::vector<std::string> names;
    for (const Target& match : program.matches) names.push_back(match.text());
    names_->set_matches(program.index, std::move(names));
  }
  Result<> done = program.provider->iterate ? iterate(program) : attach(program);
  if (done || done.error().code == EINTR) return done;
  if (std::optional<std::string> why = why_refused(program, *host_)) return fail_text(0, fmt::format("{} ({})", *why, done.error().text()));
  return done;
}

// Lets go of what the programs of an alternative are attached to, of which `program` is one.
void Attachments::take_back(const LoadedProgram& program, const Progress& before) {
  const artifact::Program& row = *program.row;
  for (const LoadedProgram& other : loaded_->programs)
    if (other.row->group == row.group && other.row->rank == row.rank) std::erase_if(watches_, [&](const auto& watch) { return watch.first.program == other.index; });
  links_.erase(links_.begin() + static_cast<ptrdiff_t>(before.links), links_.end());
  exchangeable_.resize(before.exchangeable);
  attached_ = before.attached;
}

// Once all is attached: alternatives that were not needed.
void Attachments::leave_spare_out() {
  std::set<uint32_t> told;
  for (const LoadedProgram& program : loaded_->programs) {
    if (is_spare(program, loaded_->programs)) bpf_program__unload(program.program);
    else if (program.row->group && told.insert(program.row->group).second && options_->verbose) messages_->plain(fmt::format("Alternative {} is taken", program.row->probe));
  }
  std::vector<LoadedProgram> needed;
  for (LoadedProgram& program : loaded_->programs)
    if (!is_spare(program, loaded_->programs)) needed.push_back(std::move(program));
  loaded_->programs = std::move(needed);
}

Result<> Attachments::attach_programs() {
  std::string_view missing = setting(*meta_, "missing_probes", "error");
  std::vector<LoadedProgram>& programs = loaded_->programs;
  Progress before;  // of the program, or of the alternative that it belongs to
  for (size_t i = 0; i < programs.size();) {
    const artifact::Program& row = *programs[i].row;
    const bool more = i > 0 && row.group && programs[i - 1].row->group == row.group && programs[i - 1].row->rank == row.rank;
    if (!more) before = {links_.size(), exchangeable_.size(), attached_};
    Result<> done = is_spare(programs[i], programs) ? Result<>() : attach_program(programs[i]);
    if (done) {
      ++i;
      continue;
    }
    Error error = std::move(done.error());
    if (error.code == EINTR) return std::unexpected(std::move(error));
    if (row.group) take_back(programs[i], before);
    if (drop_alternative(programs, programs[i], error.text(), *options_, *messages_)) {
      i = static_cast<size_t>(std::ranges::find(programs, row.group, [](const LoadedProgram& program) { return program.row->group; }) - programs.begin());
      continue;
    }
    for (LoadedProgram& other : programs)
      if (!row.session.empty() && other.row->session == row.session) other.session = LoadedProgram::Session::none;  // its attachment fails too, and is told
    ++i;
    if (missing == "warn") messages_->warning(fmt::format("Unable to attach probe: {}. Skipping. ({})", row.probe, error.text()));
    if (missing != "error") continue;
    return fail_text(0, fmt::format("Unable to attach probe: {}. If this is expected, set the 'missing_probes' config variable to 'warn'.\n  reason: {}", row.probe, error.text()),
                     error.hint);
  }
  leave_spare_out();
  return {};
}

}  // namespace awl
