#include <algorithm>

#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/timer.h"

namespace awl {

static constexpr std::string_view aliases[] = {"i"};

const Provider interval_provider{
    .name = "interval",
    .aliases = aliases,
    .syntax = "interval:s|ms|us|hz:N, or interval:DURATION",
    .doc = "Runs at a fixed rate on one CPU: for printing and clearing maps now and then.",
    .example = "interval:s:1 { print(@); clear(@); } tracepoint:raw_syscalls:sys_enter { @ = count(); }",
    .expand = Expand::one_program,
    .any_task = true,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_timer(interval_provider, parts, span, diagnostics); },
    .match = match_itself,
    .context = [](const Target&, Host&) -> Result<Context> { return Context{}; },
    .section = [](const Target&) -> std::string { return "perf_event"; },
    .attach = [](const Provider::AttachRequest& request, Host& host) -> Result<std::vector<Link>> {
      const std::vector<int> all = host.online_cpus();
      const std::span<const int> cpus = std::span(all).first(std::min<size_t>(all.size(), 1));
      std::vector<Link> links;
      for (const Target& target : request.matches) {
        AWL_TRY(event, timer_event(target));
        // A timer of the script, not of the traced process: -p and -c do not narrow it.
        AWL_TRY(link, host.attach_perf_event(request.program, event, -1, cpus));
        links.push_back(std::move(link));
      }
      return links;
    },
    .list = [](const Target& pattern, Host&, const TargetSink& sink) { return list_sorted(timer_forms(pattern), sink); },
};

}  // namespace awl
