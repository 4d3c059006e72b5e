#pragma once
// What kprobe and kretprobe share: [MODULE:]FUNCTION[+OFFSET], or an address.
#include "probes/provider.h"

namespace awl {

std::optional<Target> parse_kernel_function(const Provider& provider, bool ret, std::span<const std::string> parts, Span span,
                                            Diagnostics& diagnostics);
// Functions that the kernel lets kprobes be put on; those of modules come as {module, function}.
Result<std::vector<Target>> match_kernel_function(const Target& target, Host& host);
Result<> each_kernel_function(const Target& target, Host& host, const TargetSink& sink);
// Says that a function is not among those that the kernel lists as traceable; nothing if it is, or has no name. Also for fentry and its like.
std::optional<std::string> why_function_refused(const Target& target, Host& host);
bool is_kernel_address(const Target& target);
std::string kernel_function_section(const Target& target, bool ret);
// One multi link where the kernel has them and there are several plain functions; then the program must be loaded as such.
Result<> prepare_kernel_functions(bpf_program* program, std::span<const Target> matches, Host& host);
Result<std::vector<Link>> attach_kernel_functions(const Provider::AttachRequest& request, FunctionSide side, Host& host);
// See FunctionSession.
bool use_session(std::span<const Target> matches, Host& host);
Result<> prepare_session(bpf_program* program, Host& host);

}  // namespace awl
