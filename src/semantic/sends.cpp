// The packets that test probes send: each send() of their bodies becomes one of ProbeInstance::sends.
#include <algorithm>
#include <set>

#include "base/diag/hooks.h"
#include "base/near_names.h"
#include "parser/walk.h"
#include "semantic/packet_literal.h"
#include "semantic/passes.h"

namespace awl {
namespace {

bool is_test(const ProbeInstance& probe) { return probe.target.provider && probe.target.provider->runs == Runs::as_test; }

class Sends {
 public:
  explicit Sends(Unit& unit) : unit_(&unit), diagnostics_(unit.diagnostics) {}

  void run() {
    std::set<uint32_t> seen;  // instances of one source have the same mistakes
    for (ProbeInstance& probe : unit_->probes) {
      const bool first = seen.insert(probe.source).second;
      if (probe.predicate) misplaced(*probe.predicate, false, first);
      for (const ast::StmtPtr& statement : probe.body.statements) {
        ast::Call* call = is_test(probe) ? sent(*statement) : nullptr;
        if (call) send(probe, statement->span, *call);
        else misplaced(*statement, !probe.sends.empty(), first);
      }
    }
    for (FunctionInstance& function : unit_->functions)
      for (const ast::StmtPtr& statement : function.body.body.statements) misplaced(*statement, false, true);
  }

 private:
  static ast::Call* sent(ast::Stmt& s) {
    auto* statement = std::get_if<ast::ExprStmt>(&s.node);
    auto* call = statement ? std::get_if<ast::Call>(&statement->value->node) : nullptr;
    return call && call->name == "send" ? call : nullptr;
  }

  // The call stays as the place where the body is cut.
  void send(ProbeInstance& probe, Span span, ast::Call& call) {
    ProbeInstance::Send made{.span = span};
    ast::Call* packet = call.args.empty() ? nullptr : std::get_if<ast::Call>(&call.args[0]->node);
    if (!packet || packet->name != "packet") {
      diagnostics_->report<Diag::send_packet>(span, call.args.empty() ? "nothing" : unit_->sources->text(call.args[0]->span)).hint("write send(packet(ip(dst=\"10.0.0.1\"), udp(dport=53)))");
    } else if (auto bytes = packet_literal(*unit_, *call.args[0], *packet)) {
      made.packet = std::move(*bytes);
      if (auto to = receiver(span, call)) made.program = *to;
    }
    take_packet(call, span, probe.sends.size());
    probe.sends.push_back(std::move(made));
  }

  // What stays of the packet is its number.
  static void take_packet(ast::Call& call, Span span, uint64_t number) {
    if (call.args.empty()) call.args.emplace_back();
    call.args[0] = ast::make(span, ast::Integer{number});
  }

  // The probe that gets a packet: the one that is named, or the only one.
  std::optional<uint32_t> receiver(Span span, const ast::Call& call) {
    std::vector<std::string_view> names;
    std::vector<uint32_t> programs;
    for (uint32_t i = 0; i < unit_->probes.size(); ++i) {
      const ProbeInstance& probe = unit_->probes[i];
      if (!probe.target.provider || !probe.target.provider->takes_packets) continue;
      names.push_back(probe.probe_text);
      programs.push_back(i);
    }
    auto* name = call.args.size() > 1 ? std::get_if<ast::String>(&call.args[1]->node) : nullptr;
    if (call.args.size() > 1 && !name) return std::nullopt;  // the signature's mistake
    if (names.empty()) {
      diagnostics_->report<Diag::send_no_probe>(span, "the script has none that sees packets").hint("packets can be sent to probes of the kinds xdp, tc and cgroup_skb");
    } else if (name) {
      auto found = std::ranges::find(names, name->value);
      if (found != names.end()) return programs[static_cast<size_t>(found - names.begin())];
      Diagnostic& d = diagnostics_->report<Diag::send_no_probe>(call.args[1]->span, fmt::format("'{}' is none of {}", name->value, fmt::join(names, ", ")));
      if (auto near = nearest_name(name->value, names)) d.hint(fmt::format("did you mean '{}'?", *near));
    } else if (names.size() > 1) {
      diagnostics_->report<Diag::send_no_probe>(span, "the script has several that see packets").hint(fmt::format("name the one that gets it: send(packet(...), \"{}\")", names.front()));
    } else {
      return programs.front();
    }
    return std::nullopt;
  }

  // Reports what stands where it means nothing. `sent`: a packet was sent before.
  void misplaced(auto& node, bool sent, bool report) {
    using Node = std::remove_cvref_t<decltype(node)>;
    if constexpr (std::is_same_v<Node, ast::Expr>) {
      auto* call = std::get_if<ast::Call>(&node.node);
      auto* identifier = std::get_if<ast::Identifier>(&node.node);
      const std::string_view name = call ? std::string_view(call->name) : identifier ? std::string_view(identifier->name) : std::string_view();
      if (call && (name == "send" || name == "packet")) {
        if (report && name == "send") diagnostics_->report<Diag::send_place>(node.span).hint("a test runs up to each send(), then the packet is sent, then it goes on");
        else if (report) diagnostics_->report<Diag::packet_place>(node.span);
        if (name == "send") take_packet(*call, node.span, 0);
        else node.node = ast::Integer{0};
        return;
      }
      if (name == "verdict" && !sent && report) diagnostics_->report<Diag::verdict_place>(node.span);
    }
    ast::for_each_child(node, Overloaded{[&](ast::ExprPtr& c) { misplaced(*c, sent, report); }, [&](ast::StmtPtr& c) { misplaced(*c, sent, report); }});
  }

  Unit* unit_;
  Diagnostics* diagnostics_;
};

}  // namespace

void find_sends(Unit& unit, Diagnostics&) { Sends(unit).run(); }

}  // namespace awl
