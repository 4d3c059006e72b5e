#include "probes/parts.h"
#include "probes/registry.h"
#include "probes/user_function.h"
#include "probes/user_places.h"

namespace awl {

static constexpr std::string_view aliases[] = {"u"};

const Provider uprobe_provider{
    .name = "uprobe",
    .aliases = aliases,
    .syntax = "uprobe:BINARY:FUNCTION[+OFFSET], uprobe:BINARY:ADDRESS, uprobe:BINARY:cpp:\"NAME\", or uprobe:BINARY@FILE:LINE[:COLUMN]",
    .doc = "Entry of a function in a program or library, or an instruction in it. Arguments are in arg0, arg1 ... "
           "BINARY is a path, a program in PATH, a library's name, ARCHIVE!/MEMBER, or with -p * for all that the process has mapped; cpp means functions of C++ and "
           "Rust by their names in the source.",
    .example = "uprobe:libc:malloc { @bytes = hist(arg0); }",
    .expand = Expand::one_program,
    .parse = [](std::span<const std::string> parts, Span span,
                Diagnostics& diagnostics) { return parse_user_function(uprobe_provider, false, parts, span, diagnostics); },
    .match = match_user_function,
    .context = [](const Target& target, Host& host) { return user_function_context(target, false, host); },
    .arguments = user_function_arguments,
    // Without a target: that is resolved where the program runs.
    .section = [](const Target&) -> std::string { return "uprobe"; },
    .prepare = prepare_user_functions,
    .attach = [](const Provider::AttachRequest& request, Host& host) { return attach_user_functions(request, false, host); },
    .list = [](const Target& pattern, Host& host, const TargetSink& sink) { return list_by_parts(pattern, 2, 2, match_user_function, host, sink); },
    .usable = [](Host& host) { return host.file_status("/sys/bus/event_source/devices/uprobe").exists; },
};

}  // namespace awl
