#pragma once
// What fentry and fexit share: [MODULE:]FUNCTION with types from BTF, or bpf:[ID:]FUNCTION for functions of loaded BPF programs.
#include "probes/provider.h"

namespace awl {

std::optional<Target> parse_traced_function(const Provider& provider, std::span<const std::string> parts, Span span,
                                            Diagnostics& diagnostics);
// {module, function}, module "vmlinux" for the kernel itself. With wildcards only functions that the kernel lists as traceable.
Result<std::vector<Target>> match_traced_function(const Target& target, Host& host);
Result<> each_traced_function(const Target& target, Host& host, const TargetSink& sink);
std::optional<std::string> why_traced_function_refused(const Target& target, Host& host);
Result<Context> traced_function_context(const Target& target, bool exit, Host& host);
// "fentry/FUNCTION"; for functions of BPF programs the kind alone: prepare_traced_function says which one.
std::string traced_function_section(const Target& target, std::string_view kind);
Result<> prepare_traced_function(bpf_program* program, std::span<const Target> matches, Host& host);
Result<std::vector<Link>> attach_traced_function(const Provider::AttachRequest& request, Host& host);

}  // namespace awl
