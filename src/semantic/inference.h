#pragma once
// A type for every expression: the work of the passes "infer" and what "check" reuses of it.
#include <set>
#include <unordered_map>

#include "semantic/operators.h"
#include "semantic/unit.h"

namespace awl {

class Inference {
 public:
  explicit Inference(Unit& unit) : unit_(unit), types_(unit.types) {}
  // Goes over all probes until nothing changes any more.
  void run();

 private:
  using Slot = ast::ExprPtr;

  void round();
  void rounds();
  void answer_questions();
  void settle_maps();

  void statements(std::vector<ast::StmtPtr>& list);
  void statement(ast::Stmt& s);
  bool decide(ast::If& n);
  void assign(ast::Stmt& s, ast::Assign& a);
  void let(ast::Stmt& s, ast::Let& l);
  void for_map(ast::ForMap& f);
  void for_range(ast::ForRange& f);

  // The type of an expression (null: not known), also stored in it. May replace the node.
  Type expr(Slot& slot);
  Type compute(Slot& slot);
  Type identifier(Slot& slot, const ast::Identifier& i);
  std::optional<int64_t> find_verdict_of_receivers(std::string_view name) const;
  Type parameter(Slot& slot, ast::Parameter p);
  Type map_ref(ast::Expr& e, ast::MapRef& m);
  Type call(Slot& slot);
  void take_all_arguments(Slot& slot, Type arguments);
  bool answer(Slot& slot);
  Type constant(Slot& slot);
  Type type_info(Slot& slot, ast::TypeInfo& n);
  void argument(ast::Call& c, size_t i);
  bool text_argument(Slot& slot);
  Type unary(Slot& slot, ast::Unary& u);
  Type binary(Slot& slot, ast::Binary& b);
  Type inc_dec(ast::IncDec& n);
  Type ternary(Slot& slot, ast::Ternary& t);
  Type cast(ast::Cast& c);
  Type field(Slot& slot, ast::Field& f);
  Type tuple_field(ast::TupleField& f);
  Type index(ast::Index& i);
  Type tuple(ast::Tuple& t);
  Type record(ast::Record& r);
  Type size_of(Slot& slot, ast::SizeOf& s);
  void enumerator_operand(std::optional<ast::TypeName>& type, ast::ExprPtr& operand);
  Type type_name(ast::TypeName& name, AddressSpace space = AddressSpace::none);

  // Pointers found in `member` of an object: those without a space of their own share the object's, and its trust.
  Type member_type(Type member, const ast::Expr& object);
  void grow(VariableInfo& variable, const ast::Expr* value, Type type, Span place);
  void grow_map(MapInfo& map, const ast::Expr* value, Type type, Span place);
  void grow_key(MapInfo& map, const ast::Expr& key, Span place);
  void widen(const ast::Expr& target);
  void set(Type& where, Type what);
  void fold_error(const ast::Expr& e);
  AddressSpace cast_space(Type from) const;
  MapInfo& map_info(const std::string& name, Span place);

  Unit& unit_;
  TypeTable& types_;
  ProbeInstance* probe_ = nullptr;
  bool changed_ = false;
  const ast::Expr* field_object_ = nullptr;  // what a field is being taken of
  // Questions about types are answered in rounds of their own, when nothing changes any more: what is asked of must not grow behind the answer.
  bool settled_ = false, asked_ = false, answered_ = false;
  unsigned comptime_ = 0;  // inside of what must be known when compiling
  std::set<const ProbeInstance*> left_out_;  // those with an `if comptime`
  std::unordered_map<const void*, GrowingType> growing_;  // by the Type member that follows from it
};

// Whether an object that a field is taken of lies in memory that the program may load from directly, and in which address space it is.
struct Place {
  AddressSpace space = AddressSpace::none;
  bool trusted = false;
};
Place place_of(const ast::Expr& object);

}  // namespace awl
