#include "runtime/session.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "probes/features.h"
#include "runtime/attachments.h"
#include "runtime/config.h"
#include "runtime/events.h"
#include "runtime/load.h"
#include "runtime/map_file.h"
#include "runtime/own_probes.h"
#include "runtime/own_signal.h"
#include "runtime/packets.h"
#include "runtime/symbols.h"
#include "runtime/unwind_tables.h"

namespace awl {
namespace {

using Clock = std::chrono::steady_clock;

bool holds_user_addresses(const artifact::Map& map) {
  return has_user_addresses(map.value) || (!map.key.empty() && has_user_addresses(map.key[0]));
}

bool shows_user_addresses(const artifact::Meta& meta) {
  auto sent = [](const artifact::Element& e) { return has_user_addresses(e.type.at(0)); };
  return std::ranges::any_of(meta.maps, [](const artifact::Map& map) { return holds_user_addresses(map); }) ||
         std::ranges::any_of(meta.sites, [&](const artifact::Site& site) { return std::ranges::any_of(site.args, sent); });
}

using std::chrono::milliseconds;

// Events are submitted without waking the reader: this bounds how late they are seen.
constexpr milliseconds event_latency{5};
// Records handled before poll() looks at the clock again.
constexpr unsigned records_per_round = 16384;
constexpr milliseconds loss_interval{500};
// How often keys are looked through for new processes, whose memory maps must be read while they live.
constexpr milliseconds process_interval{50};

// How often stacks are taken out of the kernel's map, which is made for as many as come in between.
constexpr milliseconds stacks_interval{50};

struct RingCloser {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

class LiveSession : public Session {
 public:
  LiveSession(artifact::Artifact artifact, Host& host, SessionOptions options)
      : artifact_(std::move(artifact)),
        host_(&host),
        options_(std::move(options)),
        names_(artifact_.meta, host,
               {.demangle = switch_setting(artifact_.meta, "cpp_demangle", true), .lines = switch_setting(artifact_.meta, "show_debug_info", false)}),
        output_(options_.output, options_.buffering),
        messages_(options_.messages, options_.color, options_.warnings),
        handler_(artifact_.meta, options_, names_, maps_, output_, messages_),
        attachments_(loaded_, artifact_.meta, host, options_, messages_, names_) {}

  Result<> start() override;
  int failure_status() const override { return failure_status_; }
  Result<bool> poll(milliseconds timeout) override;
  Result<> stop() override;
  std::function<void()> on_child_mapped() override {
    if (!loaded_.unwind_tables || !options_.child) return {};
    return [this] { loaded_.unwind_tables->refresh(static_cast<uint32_t>(*options_.child)); };
  }
  int exit_status() const override {
    if (failed_tests_ > 0) return 1;
    int status = handler_.exit_code.value_or(0);
    return status == 0 && options_.fail_on_loss && handler_.losses.any() ? exit_lost : status;
  }
  int poll_fd() const override {
    if (ring_) return ring_buffer__epoll_fd(ring_.get());
    if (packets_) return packets_->fd();
    return signal_.is_open() ? signal_.fd() : attachments_.handover_fd();
  }

 private:
  Result<> open_events();
  Result<> run_programs(Runs which);
  Result<> run_own_probes();
  void say_attached();
  Result<> open_packets();
  bool drain();  // true: more may be there
  void report_losses(bool final);
  void print_all_maps();
  void remember_processes(bool all);
  void collect_stacks();

  artifact::Artifact artifact_;
  Host* host_;
  SessionOptions options_;
  MachineNames names_;
  Output output_;
  Messages messages_;
  std::vector<MapHandle> maps_;
  EventHandler handler_;
  Loaded loaded_;
  std::unique_ptr<ring_buffer, RingCloser> ring_;
  Attachments attachments_;
  std::unique_ptr<Packets> packets_;
  OwnSignal signal_;
  int failed_tests_ = -1;
  bool own_done_ = false;  // tests or benchmarks have run
  unsigned handled_ = 0;
  int failure_status_ = 255;
  bool stopped_ = false;
  uint64_t lost_reported_ = 0;
  Clock::time_point losses_due_{};
  std::vector<size_t> address_maps_;  // maps with user addresses in their keys
  Clock::time_point processes_due_{}, stacks_due_{};
};

Result<> LiveSession::open_events() {
  if (loaded_.events < 0) return {};
  auto on_record = [](void* context, void* data, size_t size) -> int {
    auto* session = static_cast<LiveSession*>(context);
    session->handler_.handle({static_cast<const uint8_t*>(data), size});
    return ++session->handled_ % records_per_round ? 0 : -ECANCELED;
  };
  ring_.reset(ring_buffer__new(loaded_.events, on_record, this, nullptr));
  if (!ring_) return fail(errno, "cannot map the ring buffer of the events");
  return {};
}

Result<> LiveSession::run_programs(Runs which) {
  for (LoadedProgram& program : loaded_.programs) {
    if (program.provider->runs != which) continue;
    if (options_.verbose) messages_.plain(fmt::format("Attaching '{}' probe", program.row->probe));
    LIBBPF_OPTS(bpf_test_run_opts, run);
    if (bpf_prog_test_run_opts(bpf_program__fd(program.program), &run) != 0)
      return fail(errno, "cannot run the probe {}", program.row->probe);
  }
  return {};
}

// --test, --bench
Result<> LiveSession::run_own_probes() {
  const OwnProbes own{.programs = loaded_.programs, .sends = artifact_.meta.sends, .handler = handler_, .output = output_, .format = options_.format, .color = options_.color_tests, .drain = [this] {
                        while (drain()) {
                        }
                      }};
  if (options_.mode == RunMode::test) {
    AWL_TRY(failed, run_tests(own));
    failed_tests_ = failed;
    own_done_ = failed >= 0;
  } else {
    AWL_TRY(any, run_benchmarks(own));
    own_done_ = any;
  }
  return {};
}

void LiveSession::say_attached() {
  if (options_.quiet || options_.dry_run || options_.mode != RunMode::trace) return;
  if (options_.format == Format::json)
    output_.text() += fmt::format("{{\"type\": \"attached_probes\", \"count\": {}, \"data\": {{\"probes\": {}}}}}\n", attachments_.count(), attachments_.count());
  else
    messages_.plain(fmt::format("Attached {} probe{}", attachments_.count(), attachments_.count() == 1 ? "" : "s"));
}

Result<> LiveSession::start() {
  bool nothing = false;
  AWL_CHECK(fit_keys(artifact_.meta, *host_, messages_));
  for (const artifact::Param& param : artifact_.meta.params)
    if (param.kind == artifact::ParamKind::feature && param.name == feature_name(Feature::percpu_lookup) && param.index == 0 && !host_->has_feature(Feature::percpu_lookup))
      messages_.warning("On this kernel delete() of an aggregation without keys removes only what the CPU that runs it counted; clear() removes all.");
  Result<Loaded> loaded = load(artifact_, *host_, options_, messages_, nothing);
  if (!loaded) {
    if (nothing) failure_status_ = 1;
    return std::unexpected(std::move(loaded.error()));
  }
  loaded_ = std::move(*loaded);
  uint32_t cpus = static_cast<uint32_t>(std::max(1, libbpf_num_possible_cpus()));
  for (size_t i = 0; i < artifact_.meta.maps.size(); ++i) {
    const bpf_map* found = loaded_.maps[i];
    maps_.push_back({.map = &artifact_.meta.maps[i], .fd = found ? bpf_map__fd(found) : -1, .globals = loaded_.globals, .cpus = cpus});
  }
  AWL_CHECK(fill_maps(artifact_.meta, maps_, options_));
  if (const bpf_map* stacks = bpf_object__find_map_by_name(loaded_.object.get(), std::string(artifact::stacks_map).c_str()))
    names_.stacks.open(bpf_map__fd(stacks), bpf_map__value_size(stacks));
  for (size_t i = 0; i < maps_.size(); ++i)
    if (holds_user_addresses(*maps_[i].map)) address_maps_.push_back(i);
  // Where it is not to be had, /proc has to do.
  if ((shows_user_addresses(artifact_.meta) || loaded_.unwind_tables) && names_.processes.open()) {
    // The processes of -c and -p may have ended before the first of their addresses is to be shown.
    if (std::optional<int> process = host_->loaded_process()) names_.users.remember(static_cast<uint32_t>(*process));
  }
  handler_.losses.events.resize(artifact_.meta.programs.size());
  AWL_CHECK(open_events());
  AWL_CHECK(open_packets());
  handler_.unwatch = [this](uint64_t address) { attachments_.unwatch(address); };
  handler_.watch = [this](const std::string& name, uint64_t address, int process, bool stopped) {
    if (!stopped_ && !handler_.ended) attachments_.watch(name, address, process);
    if (stopped) kill(process, SIGCONT);
  };
  if (std::ranges::any_of(loaded_.programs, [](const LoadedProgram& program) { return program.provider->runs == Runs::on_signal; }))
    AWL_CHECK(signal_.open());
  if (!options_.dry_run) AWL_CHECK(run_programs(Runs::at_start));
  if (Result<> attached = attachments_.attach_all(); !attached) {
    // Nothing is done any more but to let go on what watch_stopped() has stopped.
    handler_.ended = true;
    drain();
    return attached;
  }
  say_attached();
  if (options_.dry_run) return {};
  attachments_.iterators().start();
  if (options_.mode != RunMode::trace) return run_own_probes();
  // What begin probes store is there before a command starts.
  drain();
  return {};
}

Result<> LiveSession::open_packets() {
  const bpf_map* found = bpf_object__find_map_by_name(loaded_.object.get(), std::string(artifact::packets_map).c_str());
  if (!found) return {};
  packets_ = std::make_unique<Packets>(artifact_.meta);
  return packets_->open(bpf_map__fd(found));
}

bool LiveSession::drain() {
  if (packets_) packets_->consume();
  if (!ring_) return false;
  int got = ring_buffer__consume(ring_.get());
  return got == -ECANCELED;
}

// Losses are counted by the kernel side, a counter for each program; they are told as they grow, at most twice a second.
void LiveSession::report_losses(bool final) {
  // What benchmarks send is thrown away in any case.
  if (options_.mode == RunMode::bench) return;
  auto now = Clock::now();
  if (!final && now < losses_due_) return;
  losses_due_ = now + loss_interval;
  uint64_t total = 0;
  std::vector<uint64_t>& counts = handler_.losses.events;
  for (size_t i = 0; i < counts.size(); ++i) {
    uint64_t at = artifact_.meta.lost_offset + 8 * i;
    if (at + 8 > loaded_.globals.size()) break;
    memcpy(&counts[i], loaded_.globals.data() + at, 8);
    total += counts[i];
  }
  if (total > lost_reported_) {
    uint64_t lost = total - lost_reported_;
    lost_reported_ = total;
    if (options_.format == Format::json) {
      output_.text() += fmt::format("{{\"type\": \"lost_events\", \"count\": {}, \"data\": {{\"events\": {}}}}}\n", lost, lost);
    } else {
      output_.flush();
      messages_.plain(fmt::format("Lost {} events", lost));
    }
  }
}

Result<bool> LiveSession::poll(milliseconds timeout) {
  auto until = Clock::now() + timeout;
  for (;;) {
    if (own_done_) return false;
    AWL_TRY(gone, attachments_.replaced());
    if (gone) return false;
    if (signal_.is_open() && signal_.came()) AWL_CHECK(run_programs(Runs::on_signal));
    remember_processes(false);
    // Looked at before the events: what an iterator sent before its end is among them.
    const bool iterating = attachments_.iterators().running();
    bool more = drain();
    report_losses(false);
    collect_stacks();
    output_.flush();
    if (!output_.good()) return fail(errno, "cannot write the output");
    if (handler_.ended) return false;
    if (!more && attachments_.none() && !iterating && !signal_.is_open()) {
      if (int code = attachments_.iterators().error()) return fail(code, "the kernel ended the iterator");
      return false;
    }
    auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
    if (left.count() <= 0) return true;
    if (more) continue;
    pollfd wakers[] = {{.fd = poll_fd(), .events = POLLIN, .revents = 0}, {.fd = signal_.fd(), .events = POLLIN, .revents = 0}, {.fd = attachments_.handover_fd(), .events = POLLIN, .revents = 0}};
    ::poll(wakers, std::size(wakers), static_cast<int>(std::min(left, event_latency).count()));
  }
}

// What processes map is recorded while they run; those that run already are looked at when they are first seen in a map.
void LiveSession::remember_processes(bool all) {
  std::vector<ProcessListener*> listeners = {&names_.users};
  if (loaded_.unwind_tables) listeners.push_back(loaded_.unwind_tables.get());
  names_.processes.collect(listeners, all);
  if (loaded_.unwind_tables && !all) loaded_.unwind_tables->refresh_changed();
  auto now = Clock::now();
  if (address_maps_.empty() || (now < processes_due_ && !all)) return;
  std::set<uint32_t> pids;
  for (size_t i : address_maps_) collect_processes(maps_[i], pids);
  for (uint32_t pid : pids) names_.users.remember(pid);
  processes_due_ = Clock::now() + process_interval;
}

void LiveSession::collect_stacks() {
  auto now = Clock::now();
  if (!names_.stacks.is_open() || now < stacks_due_) return;
  names_.stacks.collect();
  stacks_due_ = Clock::now() + stacks_interval;
}

void LiveSession::print_all_maps() {
  if (options_.mode != RunMode::trace || !switch_setting(artifact_.meta, "print_maps_on_exit", true)) return;
  std::vector<size_t> order;
  for (size_t i = 0; i < maps_.size(); ++i)
    if (maps_[i].map->print_at_exit) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return maps_[a].map->name < maps_[b].map->name; });
  for (size_t i : order) handler_.print_map(i, {}, true);
}

Result<> LiveSession::stop() {
  if (stopped_ || !loaded_.object) return {};
  stopped_ = true;
  remember_processes(true);
  attachments_.detach();
  if (options_.dry_run) return {};
  // After exit() events that are still under way are dropped; those of `end` probes count again.
  while (drain()) {
  }
  handler_.ended = false;
  AWL_CHECK(run_programs(Runs::at_end));
  while (drain()) {
  }
  report_losses(true);
  if (options_.format == Format::text) output_.text() += "\n\n";
  print_all_maps();
  handler_.losses.stacks = names_.stacks.missing();
  if (packets_) {
    if (Result<> closed = packets_->close(); !closed) messages_.error(closed.error().text());
  }
  if (options_.format == Format::json) output_.text() += losses_json(handler_.losses, artifact_.meta);
  output_.write_through();
  say_losses(handler_.losses, artifact_.meta, messages_);
  return {};
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(artifact::Artifact artifact, Host& host, SessionOptions options) {
  if (artifact.meta.needs_unsafe && !options.unsafe)
    return fail_text(0, "the program uses functions that change the system", "allow them with --unsafe");
  return std::make_unique<LiveSession>(std::move(artifact), host, std::move(options));
}

}  // namespace awl
