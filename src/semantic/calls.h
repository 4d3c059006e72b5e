#pragma once
// Calls against the signatures of their rows.
#include "builtins/builtin.h"
#include "semantic/unit.h"

namespace awl {

// A call of a probe, as rows see it.
class CallView : public CallCheck {
 public:
  CallView(Unit& unit, ProbeInstance& probe, ast::Expr& expr) : unit_(&unit), probe_(&probe), expr_(&expr) {}
  TypeTable& types() override { return unit_->types; }
  Diagnostics& diagnostics() override { return *unit_->diagnostics; }
  const Config& config() override { return unit_->config; }
  const CompileOptions& options() override { return unit_->options; }
  Host& host() override { return *unit_->host; }
  const Target& target() override { return probe_->target; }
  const Context& context() override { return probe_->context; }
  ast::Expr& expr() override { return *expr_; }
  ast::Call& call() override { return std::get<ast::Call>(expr_->node); }
  Type context_type(const ContextType& type) override;
  std::optional<std::string> probe_name() override;
  const artifact::Param& program_option(const artifact::Param& option) override;
  bool has_placement(std::string_view name) override;
  bool keyed_map(size_t i) override;
  bool check_map(size_t i) override;

 private:
  Unit* unit_;
  ProbeInstance* probe_;
  ast::Expr* expr_;
};

// Whether argument `i` may be what `word` says, in some signature that fits the call's number of arguments: "map", "mode", "key", "string".
bool argument_may_be(const Builtin& row, size_t count, size_t i, std::string_view word);

// Whether the argument stands for a whole map: a map without keys where the row takes one.
bool is_whole_map(const ast::Call& call, size_t i);
// Whether an argument is an element of an aggregation that the call takes as such: its key is what counts, its value is not read.
bool names_element(const ast::Call& call, size_t i);
// The map argument that a key argument belongs to: the one before it. Null if there is none.
const ast::MapRef* map_of_key(const ast::Call& call, size_t i);

// The same of an argument that is put into a map without keys.
const ast::MapRef* map_of_value(const ast::Call& call, size_t i);
// Whether the kind of the map that argument `i` names lets the function be used with it; otherwise reported.
bool check_map_function(Unit& unit, const ast::Call& call, size_t i);

// The type of a call's result as its row says; null while its arguments are not known well enough.
Type result_type(Unit& unit, ProbeInstance& probe, ast::Expr& call);

// Reports what does not fit the row's signature: number and types of arguments, --unsafe. True if all is well.
bool check_signature(Unit& unit, const ast::Expr& expr, const ast::Call& call);

// Whether a row has a signature with that many arguments.
bool takes_arguments(const Builtin& row, size_t count);
// Whether a name may stand without parentheses.
bool callable_without_arguments(const Builtin& row);

}  // namespace awl
