#pragma once
// What the kinds on network interfaces share. Their first part is the interface's name, which may be a pattern.
#include "probes/provider.h"

namespace awl {

// Whether an interface's name is given; reports if not.
bool check_interface(const Provider& provider, std::string_view name, Span span, Diagnostics& diagnostics);
// The target for each interface that its first part means.
Result<std::vector<Target>> match_interfaces(const Target& target, Host& host);
// One link for each match, on the hook that `hook` reads out of the target.
Result<std::vector<Link>> attach_interfaces(const Provider::AttachRequest& request, Host::InterfaceHook (*hook)(const Target&), Host& host);
// Context::fields of struct __sk_buff, as far as programs of a type may use them.
enum class SkbUser : uint8_t { classifier, cgroup, socket };
std::vector<ContextField> skb_fields(SkbUser user);

}  // namespace awl
