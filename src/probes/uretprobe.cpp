#include "probes/parts.h"
#include "probes/registers.h"
#include "probes/registry.h"
#include "probes/user_function.h"

namespace awl {

static constexpr std::string_view aliases[] = {"ur"};

const Provider uretprobe_provider{
    .name = "uretprobe",
    .aliases = aliases,
    .syntax = "uretprobe:BINARY:FUNCTION",
    .doc = "Return of a function in a program or library. The result is in retval.",
    .example = "uretprobe:libc:malloc /retval == 0/ { @failed[comm] = count(); }",
    .expand = Expand::one_program,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_user_function(uretprobe_provider, true, parts, span, diagnostics); },
    .match = match_user_function,
    .context = [](const Target&, Host&) -> Result<Context> { return register_context(true, true); },
    // Without a target: that is resolved where the program runs.
    .section = [](const Target&) -> std::string { return "uretprobe"; },
    .prepare = prepare_user_functions,
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_user_functions(request, true, host); },
    .list = [](const Target& pattern, Host& host) { return list_by_parts(pattern, 2, 2, match_user_function, host); },
    .usable = [](Host& host) { return host.file_status("/sys/bus/event_source/devices/uprobe").exists; },
};

}  // namespace awl
