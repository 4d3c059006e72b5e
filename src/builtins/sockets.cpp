// Sockets in maps: kept at an event of theirs, taken out for a connection that looks for one.
#include <linux/bpf.h>

#include "base/diag/hooks.h"
#include "builtins/rows.h"

namespace awl {
namespace {

void check_hold(CallCheck& c) {
  if (!c.context().holds_socket) c.diagnostics().report<Diag::hold_not_here>(c.expr().span, kind_of(c)).hint("use sockops:tcp_listen, sockops:active_established or sockops:passive_established");
}

void plan_hold(CallCheck&, PlanCall& plan) { plan.warn("The map does not take the socket: it has no such index, or the socket is not of a kind that it can hold", "sock_map_update"); }

Value lower_hold(Emit& e, CallLower& c) {
  Value code = e.helper(BPF_FUNC_sock_map_update, {e.context(), c.map(0), c.map_key(0, 1), e.imm(BPF_ANY)});
  e.branch(e.compare(Compare::ne, code, e.imm(0)), [&] { c.warn(code); }, {}, false);
  return {};
}

void check_assign(CallCheck& c) {
  const Verdicts* verdicts = c.context().verdicts;
  if (!verdicts || !verdicts->assign) c.diagnostics().report<Diag::assign_not_here>(c.expr().span, kind_of(c));
}

void plan_assign(CallCheck&, PlanCall& plan) { plan.warn("The kernel does not give what came in to this socket: it does not listen, or has another family or protocol", "sk_assign"); }

// A socket that is looked up is held until it is released.
Value lower_assign(Emit& e, CallLower& c) {
  Value socket = c.find_element(0, 1);
  e.branch(e.compare(Compare::ne, socket, e.null()), [&] {
    Value code = e.helper(BPF_FUNC_sk_assign, {e.context(), socket, e.imm(0)});
    e.helper(BPF_FUNC_sk_release, {socket});
    e.branch(e.compare(Compare::ne, code, e.imm(0)), [&] { c.warn(code); }, {}, false);
  });
  return e.imm(static_cast<uint64_t>(*c.context().verdicts->assign));
}

const Builtin rows[] = {
    {.name = "hold",
     .signature = "hold(map map, key index)",
     .doc =
         "In sockops probes: puts the socket that the event is about into a `sockmap`, where it stays until it is closed. What was at the index before is out. "
         "`assign()` and other processes, by the pin of the map, find it there.",
     .example = "let @servers = sockmap(65536); sockops:tcp_listen { hold(@servers, ctx.local_port); }",
     .flags = BuiltinFlag::no_value | BuiltinFlag::unsafe | BuiltinFlag::needs_probe,
     .check = check_hold,
     .plan = plan_hold,
     .lower = lower_hold},
    {.name = "assign",
     .signature = "assign(map map, key index) -> int64",
     .doc =
         "In sk_lookup probes: gives the new connection or datagram to the listening socket that a `sockmap` has at an index, whatever address and port it listens on: "
         "`return assign(@servers, 8080)`. Where the map has none the kernel goes on looking.",
     .example = "let @servers = sockmap(8) pin(\"servers\"); sk_lookup /ctx.local_port == 7/ { return assign(@servers, 0); }",
     .flags = BuiltinFlag::unsafe | BuiltinFlag::needs_probe,
     .check = check_assign,
     .plan = plan_assign,
     .lower = lower_assign},
};

}  // namespace

std::span<const Builtin> socket_rows() { return rows; }

}  // namespace awl
