#pragma once
// What uprobe and uretprobe share: BINARY:FUNCTION[+OFFSET] or BINARY:ADDRESS.
#include "probes/provider.h"

namespace awl {

std::optional<Target> parse_user_function(const Provider& provider, bool ret, std::span<const std::string> parts, Span span,
                                          Diagnostics& diagnostics);
// The files that a written binary means: with wildcards those with code that match, else one.
Result<std::vector<std::string>> find_user_binaries(const Provider& provider, const std::string& written, Host& host);
// {path, function[+offset] or address}; short names of libraries and programs are resolved to their paths.
Result<std::vector<Target>> match_user_function(const Target& target, Host& host);
// args.NAME of a function's entry, out of the program's debug information.
Result<> user_function_arguments(const Target& target, Host& host, Context& context);
// One multi link for each binary where the kernel has them and there are several matches.
Result<> prepare_user_functions(bpf_program* program, std::span<const Target> matches, Host& host);
Result<std::vector<Link>> attach_user_functions(const Provider::AttachRequest& request, bool ret, Host& host);

}  // namespace awl
