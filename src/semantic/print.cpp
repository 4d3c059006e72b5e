#include "artifact/enum_names.h"
#include "parser/parse.h"
#include "parser/walk.h"
#include "semantic/unit.h"

namespace awl {
namespace {

// Calls and operators with their types, indented by depth.
void expression(const Unit& unit, const ast::Expr& e, unsigned depth, std::string& out);

void statement(const Unit& unit, const ast::Stmt& s, unsigned depth, std::string& out) {
  ast::for_each_child(s, Overloaded{[&](const ast::ExprPtr& c) { expression(unit, *c, depth, out); }, [&](const ast::StmtPtr& c) { statement(unit, *c, depth + 1, out); }});
}

void expression(const Unit& unit, const ast::Expr& e, unsigned depth, std::string& out) {
  std::string_view text = unit.sources->text(e.span);
  out += fmt::format("{:{}}{} :: {}\n", "", depth * 2, text.substr(0, text.find('\n')), TypeTable::text(e.type));
  ast::for_each_child(e, Overloaded{[&](const ast::ExprPtr& c) { expression(unit, *c, depth + 1, out); }, [&](const ast::StmtPtr& c) { statement(unit, *c, depth + 1, out); }});
}

std::string layout(const std::vector<artifact::Element>& elements) {
  std::string out;
  for (const artifact::Element& e : elements) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{}+{}", e.offset, e.type.empty() ? 0 : e.type[0].size);
  }
  return out;
}


}  // namespace

std::string print_types(const Unit& unit) {
  std::string out;
  for (const auto& [name, map] : unit.maps) {
    std::string key = map.keyed ? fmt::format("[{}]", TypeTable::text(map.key)) : "";
    out += fmt::format("map {}{} = {}\n", name, key, TypeTable::text(map.value));
  }
  for (const ProbeInstance& probe : unit.probes) {
    out += fmt::format("probe {}\n", probe.probe_text);
    for (const auto& [name, variable] : probe.variables) out += fmt::format("  variable {} = {}\n", name, TypeTable::text(variable.type));
    if (probe.predicate) expression(unit, *probe.predicate, 1, out);
    ast::for_each_child(probe.body, Overloaded{[&](const ast::ExprPtr& c) { expression(unit, *c, 1, out); }, [&](const ast::StmtPtr& c) { statement(unit, *c, 1, out); }});
  }
  return out;
}

std::string print_plan(const Unit& unit) {
  const artifact::Meta& meta = unit.meta;
  std::string out;
  for (const artifact::Program& p : meta.programs) out += fmt::format("program {} provider {} target {} probe {}{}{}\n", p.elf_name, p.provider, fmt::join(p.target, ":"), p.probe, p.per_target ? " per target" : "", p.uses_places ? " places" : "");
  for (const artifact::Map& m : meta.maps) {
    out += fmt::format("map {} {} value {}", m.name, artifact::enum_name(m.storage), m.value.size);
    if (!m.key.empty()) out += fmt::format(" key {} entries {}", m.key[0].size, m.max_entries);
    if (m.storage == artifact::Storage::global) out += fmt::format(" at {} set {}", m.offset, m.set_offset);
    out += "\n";
  }
  for (const artifact::Send& s : meta.sends) out += fmt::format("send to {} bytes {}\n", meta.programs.at(s.program).elf_name, s.packet.size());
  for (const artifact::Site& s : meta.sites) {
    out += fmt::format("site {} line {} payload {} [{}]", artifact::enum_name(s.action), s.line, s.payload, layout(s.args));
    if (s.map >= 0) out += fmt::format(" map {}", s.map);
    out += "\n";
  }
  for (const artifact::Param& p : meta.params) {
    out += fmt::format("param {}", artifact::enum_name(p.kind));
    if (!p.name.empty()) out += " " + p.name;
    if (p.index) out += fmt::format(" {}", p.index);
    out += fmt::format(" at {} size {}\n", p.offset, p.size);
  }
  out += fmt::format("globals {} lost at {}\n", meta.globals_size, meta.lost_offset);
  return out;
}

}  // namespace awl
