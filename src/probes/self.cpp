#include "base/diag/probes.h"
#include "base/glob.h"
#include "probes/parts.h"
#include "probes/registry.h"

namespace awl {
namespace {

constexpr std::string_view trigger = "signal", signal_name = "SIGUSR1";

std::optional<Target> parse(std::span<const std::string> parts, Span span, Diagnostics& diagnostics) {
  if (!check_part_count(self_provider, parts, 2, 2, span, diagnostics)) return std::nullopt;
  if (parts[0] != trigger) {
    diagnostics.report<Diag::self_trigger>(span, parts[0]).hint("self:signal:SIGUSR1 is what there is");
    return std::nullopt;
  }
  if (parts[1] != signal_name) {
    diagnostics.report<Diag::self_signal>(span, parts[1]).hint("self:signal:SIGUSR1 is what there is");
    return std::nullopt;
  }
  return Target{&self_provider, {parts.begin(), parts.end()}};
}

Result<> list(const Target& pattern, Host&, const TargetSink& sink) {
  const Target only{&self_provider, {std::string(trigger), std::string(signal_name)}};
  const bool word = pattern.parts.size() == 1 && (glob_match(pattern.parts[0], trigger) || glob_match(pattern.parts[0], signal_name));
  const bool both = pattern.parts.size() == 2 && glob_match(pattern.parts[0], trigger) && glob_match(pattern.parts[1], signal_name);
  if (word || both) sink(only);
  return {};
}

}  // namespace

const Provider self_provider{
    .name = "self",
    .syntax = "self:signal:SIGUSR1",
    .doc = "Runs when the tracer itself gets the signal SIGUSR1: for printing maps on demand. The process seen is the tracer's own.",
    .example = "self:signal:SIGUSR1 { print(@); } tracepoint:raw_syscalls:sys_enter { @ = count(); }",
    .expand = Expand::one_program,
    .runs = Runs::on_signal,
    .parse = parse,
    .match = match_itself,
    .section = [](const Target&) -> std::string { return "raw_tp"; },
    .list = list,
};

}  // namespace awl
