#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/timer.h"

namespace awl {

static constexpr std::string_view aliases[] = {"p"};

const Provider profile_provider{
    .name = "profile",
    .aliases = aliases,
    .syntax = "profile:s|ms|us|hz:N, or profile:DURATION",
    .doc = "Runs at a fixed rate on every CPU: for sampling what they execute.",
    .example = "profile:hz:99 { @[kstack] = count(); }",
    .expand = Expand::one_program,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_timer(profile_provider, parts, span, diagnostics); },
    .match = match_itself,
    .context = [](const Target&, Host&) -> Result<Context> { return Context{}; },
    .section = [](const Target&) -> std::string { return "perf_event"; },
    .attach = [](const Provider::AttachRequest& request, Host& host) -> Result<std::vector<Link>> {
      const std::vector<int> cpus = host.online_cpus();
      std::vector<Link> links;
      for (const Target& target : request.matches) {
        AWL_TRY(event, timer_event(target));
        AWL_TRY(link, request.pid ? host.attach_perf_event(request.program, event, *request.pid, {})
                                  : host.attach_perf_event(request.program, event, -1, cpus));
        links.push_back(std::move(link));
      }
      return links;
    },
    .list = [](const Target& pattern, Host&, const TargetSink& sink) { return list_sorted(timer_forms(pattern), sink); },
};

}  // namespace awl
