#include "base/diag/operators.h"
#include "parser/walk.h"
#include "semantic/operators.h"
#include "semantic/passes.h"

namespace awl {
namespace {

// What is known once types are: sizes, casts of literals, the name of the probe.
class Folder {
 public:
  Folder(ProbeInstance& probe, Diagnostics& diagnostics) : probe_(&probe), diagnostics_(&diagnostics) {}

  void run() {
    if (probe_->predicate) expr(probe_->predicate);
    children(probe_->body);
  }

 private:
  template <typename Node>
  void children(Node& n) {
    ast::for_each_child(n, Overloaded{[&](ast::ExprPtr& c) { expr(c); }, [&](ast::StmtPtr& c) { children(*c); }});
  }

  void expr(ast::ExprPtr& slot) {
    children(*slot);
    if (auto* size = std::get_if<ast::SizeOf>(&slot->node)) size_of(*slot, *size);
    else if (auto* cast = std::get_if<ast::Cast>(&slot->node)) cast_literal(*slot, *cast);
    else if (auto* binary = std::get_if<ast::Binary>(&slot->node)) probe_comparison(*slot, *binary);
  }

  // Sizes of kernel structures stay: they are bound when the program is loaded.
  void size_of(ast::Expr& e, ast::SizeOf& s) {
    Type type = s.resolved;
    if (!type || type->btf_id) return;
    e.node = ast::Integer{shown_size(type)};
  }

  void cast_literal(ast::Expr& e, ast::Cast& c) {
    const ast::Integer* literal = integer_literal(*c.operand);
    if (!literal || !is_integer(e.type)) return;
    uint64_t value = literal->value;
    unsigned bits = e.type->size * 8;
    if (bits < 64) {
      value &= (uint64_t{1} << bits) - 1;
      if (e.type->is_signed && value >> (bits - 1)) value |= ~uint64_t{0} << bits;
    }
    e.node = ast::Integer{value, e.type->is_signed && static_cast<int64_t>(value) < 0};
  }

  // `probe == "name"`: known, unless one program runs for several targets.
  void probe_comparison(ast::Expr& e, ast::Binary& b) {
    bool left = b.left->type->kind == Kind::probe, right = b.right->type->kind == Kind::probe;
    if (left == right) return;
    const ast::Expr& other = left ? *b.right : *b.left;
    auto* text = std::get_if<ast::String>(&other.node);
    if (!text || probe_->per_target) {
      diagnostics_->report<Diag::probe_comparison>(e.span);
      return;
    }
    bool equal = text->value == probe_->probe_text;
    e.node = ast::Boolean{b.op == ast::BinaryOp::equal ? equal : !equal};
  }

  ProbeInstance* probe_;
  Diagnostics* diagnostics_;
};

}  // namespace

void fold(Unit& unit, Diagnostics& diagnostics) {
  for (ProbeInstance& probe : unit.probes) Folder(probe, diagnostics).run();
  for (FunctionInstance& function : unit.functions) Folder(function.body, diagnostics).run();
}

}  // namespace awl
