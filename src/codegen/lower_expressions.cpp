// Expressions: values in registers, values in memory, places.
#include <cassert>

#include "codegen/lower_internal.h"

namespace awl {

Value Lowering::number(const ast::Expr& e, Type to) {
  Value v = scalar(e);
  if (is_aggregation(e.type)) return emit.width(v) == bits_of(to) ? v : emit.resize(v, bits_of(to), e.type->is_signed);
  return convert(v, e.type, to);
}

Value Lowering::number64(const ast::Expr& e) {
  Value v = scalar(e);
  if (emit.width(v) == 64) return v;
  return emit.resize(v, 64, e.type->is_signed && e.type->kind != Kind::boolean);
}

Value Lowering::condition(const ast::Expr& e) {
  if (is_string(e.type)) return emit.imm(1, 1);
  Value v = scalar(e);
  return emit.width(v) == 1 ? v : emit.resize(v, 1, false);
}

namespace {

uint64_t literal_bits(uint64_t value, unsigned bits) { return bits >= 64 ? value : value & ((uint64_t{1} << bits) - 1); }

}  // namespace

Value Lowering::scalar(const ast::Expr& e) {
  using namespace ast;
  using artifact::ParamKind;
  ReadPlace read_place(*this, e);
  if (is_aggregation(e.type) && std::holds_alternative<MapRef>(e.node)) return merged(map_info(e), key(e));
  unsigned bits = bits_of(e.type);
  return std::visit(
      Overloaded{
          [&](const Integer& n) { return emit.imm(literal_bits(n.value, bits), bits); },
          [&](const Boolean& n) { return emit.imm(n.value, 1); },
          [&](const Variable& n) { return load_scalar(variable(n.name), e.type); },
          [&](const MapRef&) { return map_scalar(e); },
          [&](const ast::Parameter& n) {
            Value v = n.index ? param(ParamKind::positional_number, {}, n.index) : param(ParamKind::positional_count);
            return convert(v, types.integer(8, true), e.type);
          },
          [&](const Call& n) { return call(e, n); },
          [&](const Unary& n) { return unary(e, n); },
          [&](const IncDec& n) { return increment(e, n, true); },
          [&](const Binary& n) { return binary(e, n); },
          [&](const Ternary& n) { return ternary(e, n); },
          [&](const Cast& n) { return cast(e, n); },
          [&](const Field&) { return field_scalar(e); },
          [&](const Index& n) { return index_scalar(e, n); },
          [&](const BlockExpr& n) {
            Value v;
            block(n.statements);
            v = number(*n.value, e.type);
            return v;
          },
          [&](const SizeOf& n) { return convert(emit.type_size(n.resolved), types.integer(8, false), e.type); },
          [&](const OffsetOf& n) { return convert(offset_of(n), types.integer(8, false), e.type); },
          [&](const TupleField&) { return read_scalar(place(e), e.type); },
          [&](const auto&) {
            assert(!"an expression that the passes before should have replaced");
            return emit.imm(0, bits);
          },
      },
      e.node);
}

// Offsets in kernel structures, as the running kernel has them.
Value Lowering::offset_of(const ast::OffsetOf& node) {
  Value sum = emit.imm(0);
  Type structure = node.resolved;
  for (const std::string& name : node.path) {
    const Member* member = types.member(structure, name);
    assert(member);
    sum = emit.binary(Op::add, sum, is_relocated(structure) ? emit.field_offset(structure, *member) : emit.imm(member->offset));
    structure = member->type;
  }
  return sum;
}

Value Lowering::unary(const ast::Expr& e, const ast::Unary& node) {
  using enum ast::UnaryOp;
  switch (node.op) {
    case negate:
    case bit_not: {
      // Of an unsigned number in its own width, as in C: ~(uint8)3 is 252.
      Type own = node.operand->type;
      Type in = is_integer(own) && !own->is_signed ? own : e.type;
      Value v = number(*node.operand, in);
      uint32_t bits = emit.width(v);
      Value result = node.op == negate ? emit.binary(Op::sub, emit.imm(0, bits), v) : emit.binary(Op::bit_xor, v, emit.imm(literal_bits(~uint64_t{0}, bits), bits));
      return convert(result, in, e.type);
    }
    case logical_not: return emit.binary(Op::bit_xor, condition(*node.operand), emit.imm(1, 1));
    case address_of: return emit.resize(address(*node.operand), 64, false);
    case dereference: return read_scalar(place(e), e.type);
  }
  return {};
}

Value Lowering::ternary(const ast::Expr& e, const ast::Ternary& node) {
  if (!node.yes) {
    Value v = scalar(*node.condition);
    Value holds = emit.width(v) == 1 ? v : emit.resize(v, 1, false);
    return emit.choose(holds, [&] { return convert(v, node.condition->type, e.type); }, [&] { return number(*node.no, e.type); });
  }
  return emit.choose(condition(*node.condition), [&] { return number(*node.yes, e.type); }, [&] { return number(*node.no, e.type); });
}

Value Lowering::cast(const ast::Expr& e, const ast::Cast& node) {
  Type from = node.operand->type;
  if (is_scalar(from) || is_aggregation(from)) return number(*node.operand, e.type);
  Value from_memory = address(*node.operand);
  if (is_pointer(e.type)) return emit.resize(from_memory, 64, false);  // a string as int8*
  return load_scalar(from_memory, e.type);                             // an array of the same size as an integer
}

Value Lowering::field_scalar(const ast::Expr& e) {
  if (const ContextField* field = context_field(e)) {
    Value v = access(field->access);
    if (field->network_order) v = swap_bytes(emit, emit.resize(v, bits_of(e.type), false), bits_of(e.type));
    if (e.type->kind == Kind::boolean) return emit.resize(emit.resize(v, 8, false), 1, false);
    return emit.width(v) == bits_of(e.type) ? v : emit.resize(v, bits_of(e.type), false);
  }
  auto& field = std::get<ast::Field>(e.node);
  if (const PacketField* known = packet_field_of(field)) return packet_scalar(*packet_view_of(*field.object), *known, e.type);
  Type structure = is_pointer(field.object->type) ? field.object->type->element : field.object->type;
  const Member* member = types.member(structure, field.name);
  if (member && member->bit_size) return bit_field(place(e), structure, *member, e.type);
  const ast::Expr* root = typed_root_ ? nullptr : chain_root(e);
  // Nothing is saved by a cast in front of the only read when that is one of a pointer.
  if (root && !(is_pointer(e.type) && root == field.object.get())) return through_typed_pointers(e, *root);
  return read_scalar(place(e), e.type);
}

// The bytes around the field in a register, moved so that its sign comes along.
Value Lowering::bit_field(Place from, Type structure, const Member& member, Type type) {
  using Fact = Emit::FieldFact;
  Value word = emit.slot(8), size = emit.field_fact(structure, member, Fact::size);
  emit.store(word, emit.imm(0));
  uint32_t helper = from.memory == Memory::user ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel;
  check_read(emit.helper(helper, {word, emit.resize(size, 32, false), emit.resize(from.address, 64, false)}), from.memory == Memory::user);
  Value left = emit.binary(Op::shl, emit.load(word, 64), emit.field_fact(structure, member, Fact::left_shift));
  bool is_signed = type->is_signed && type->kind != Kind::boolean;
  Value v = emit.binary(is_signed ? Op::ashr : Op::lshr, left, emit.field_fact(structure, member, Fact::right_shift));
  return bits_of(type) == 64 ? v : emit.resize(v, bits_of(type), false);
}

// Elements behind the end read as 0, whatever memory follows.
Value Lowering::index_scalar(const ast::Expr& e, const ast::Index& node) {
  Type object = node.object->type;
  bool counted = object->kind == Kind::array || is_string(object);
  if (!counted || literal_of(*node.index)) return read_scalar(place(e), e.type);
  uint32_t count = is_string(object) ? object->size : object->count;
  Value index = emit.opaque(number64(*node.index));
  Place base = place(*node.object);
  return emit.choose(
      emit.compare(Compare::ult, index, emit.imm(count)),
      [&] {
        Value distance = emit.binary(Op::mul, index, emit.imm(e.type->size));
        return read_scalar({emit.offset(base.address, distance), base.memory}, e.type);
      },
      [&] { return emit.imm(0, bits_of(e.type)); });
}

std::optional<uint64_t> Lowering::literal_of(const ast::Expr& e) {
  if (auto* integer = std::get_if<ast::Integer>(&e.node)) return integer->value;
  return std::nullopt;
}

Place Lowering::index_place(const ast::Index& node) {
  if (node.length) return packet_part(*node.index, static_cast<uint32_t>(literal_of(*node.length).value_or(1)));
  Type object = node.object->type;
  if (object->kind == Kind::tuple) {
    Place base = place(*node.object);
    size_t index = literal_of(*node.index).value_or(0);
    return {emit.offset(base.address, uint64_t{object->members.at(index).offset}), base.memory};
  }
  if (is_pointer(object)) {
    Memory where = memory_of(object);
    Value base = scalar(*node.object);
    Value distance = emit.binary(Op::mul, number64(*node.index), element_size(object->element));
    return {emit.to_address(emit.binary(Op::add, base, distance)), where};
  }
  Place base = place(*node.object);
  Value size = is_string(object) ? emit.imm(1) : element_size(object->element);
  if (auto index = literal_of(*node.index)) return {emit.offset(base.address, emit.binary(Op::mul, emit.imm(*index), size)), base.memory};
  uint32_t count = is_string(object) ? object->size : object->count;
  Value index = emit.opaque(number64(*node.index));
  index = emit.select(emit.compare(Compare::ult, index, emit.imm(count)), index, emit.imm(0));
  return {emit.offset(base.address, emit.binary(Op::mul, index, size)), base.memory};
}

Place Lowering::place(const ast::Expr& e) {
  using namespace ast;
  if (const ContextField* field = context_field(e)) {
    bool of_hook = context_field_of(std::get<Field>(e.node), instance.context) != nullptr;
    if (!is_scalar(e.type)) return of_hook ? context_bytes(*field) : access_place(field->access);
  } else if (auto* node = std::get_if<Field>(&e.node)) {
    if (const PacketField* known = packet_field_of(*node); known && !is_scalar(e.type)) return packet_bytes(*packet_view_of(*node->object), *known);
    if (!is_pointer(node->object->type) && node->object->type->kind == Kind::record) {
      Place base = place(*node->object);
      const Member* member = types.member(node->object->type, node->name);
      assert(member);
      return {emit.offset(base.address, uint64_t{member->offset}), base.memory};
    }
    return field_place(*node);
  }
  if (auto* node = std::get_if<TupleField>(&e.node)) {
    Place base = place(*node->object);
    return {emit.offset(base.address, uint64_t{node->object->type->members.at(node->index).offset}), base.memory};
  }
  if (auto* node = std::get_if<Index>(&e.node)) return index_place(*node);
  if (auto* node = std::get_if<Unary>(&e.node); node && node->op == UnaryOp::dereference) {
    Memory where = is_direct(*node->operand) && is_structure(e.type) ? Memory::direct : memory_of(node->operand->type);
    return {emit.to_address(scalar(*node->operand)), where};
  }
  return {address(e), Memory::own};
}

Value Lowering::address(const ast::Expr& e) {
  using namespace ast;
  ReadPlace read_place(*this, e);
  if (auto* node = std::get_if<Variable>(&e.node)) return variable(node->name);
  if (std::holds_alternative<MapRef>(e.node) && !is_aggregation(e.type)) return map_address(e);
  if (auto* node = std::get_if<String>(&e.node)) {
    std::string text = node->value.substr(0, e.type->size - 1);
    text.resize(e.type->size);
    return emit.bytes(text);
  }
  if (auto* node = std::get_if<ast::Parameter>(&e.node); node && is_string(e.type))
    if (int64_t index = find_param(artifact::ParamKind::positional_text, {}, node->index); index >= 0)
      return emit.param_address(static_cast<uint32_t>(index));
  bool is_place = (std::holds_alternative<Field>(e.node) && !context_field(e)) || std::holds_alternative<TupleField>(e.node) ||
                  std::holds_alternative<Index>(e.node);
  if (is_place && !is_scalar(e.type)) {
    Place where = place(e);
    if (where.memory == Memory::own) return where.address;
    Value copy = memory(e.type->size);
    read(where, e.type, e.type, copy, false, false);
    return copy;
  }
  Value made = memory(e.type->size);
  into(e, e.type, made, !is_string(e.type));
  return made;
}

void Lowering::discard(const ast::Expr& e) {
  using namespace ast;
  if (auto* node = std::get_if<Ternary>(&e.node); node && node->yes) {
    emit.branch(condition(*node->condition), [&] { discard(*node->yes); }, [&] { discard(*node->no); });
  } else if (auto* block_node = std::get_if<BlockExpr>(&e.node)) {
    emit.scope([&] {
      block(block_node->statements);
      if (block_node->value) discard(*block_node->value);
    });
  } else if (auto* inc = std::get_if<IncDec>(&e.node)) {
    increment(e, *inc, false);
  } else if (auto* called = std::get_if<Call>(&e.node); called && (!e.type || e.type->kind == Kind::none)) {
    call(e, *called);
  } else if (is_scalar(e.type)) {
    scalar(e);
  } else if (!is_aggregation(e.type) && e.type && e.type->size && !std::holds_alternative<MapRef>(e.node)) {
    emit.scope([&] { address(e); });
  }
}

// An address as the prefix of all its bits.
void Lowering::address_into_prefix(const ast::Expr& e, Value prefix) {
  emit.store(prefix, emit.imm(128, 32));
  if (!is_integer(e.type) && e.type->size >= 16) return emit.copy(emit.offset(prefix, uint64_t{4}), address(e), 16);
  emit.zero(emit.offset(prefix, uint64_t{4}), 8);
  emit.store(prefix, emit.imm(0xffff0000, 32), 12);
  Value four = is_integer(e.type) ? emit.resize(scalar(e), 32, false) : emit.load(address(e), 32);
  emit.store(prefix, four, 16);
}

void Lowering::into(const ast::Expr& e, Type to, Value to_address, bool pad) {
  using namespace ast;
  ReadPlace read_place(*this, e);
  if (to->kind == Kind::cidr && e.type->kind != Kind::cidr) return address_into_prefix(e, to_address);
  if (is_scalar(to)) {
    store_scalar(to_address, number(e, to), to);
    return;
  }
  if (auto* text = std::get_if<String>(&e.node); text && is_string(to)) return literal(text->value, to->size, to_address);
  if (auto* tuple = std::get_if<Tuple>(&e.node)) {
    if (pad) zero_gaps(to, to_address);
    for (size_t i = 0; i < tuple->elements.size(); ++i)
      into(*tuple->elements[i], to->members[i].type, emit.offset(to_address, uint64_t{to->members[i].offset}), pad);
    return;
  }
  if (auto* record = std::get_if<Record>(&e.node)) {
    if (pad) zero_gaps(to, to_address);
    for (const NamedExpr& field : record->fields)
      if (const Member* member = types.member(to, field.name))
        into(*field.value, member->type, emit.offset(to_address, uint64_t{member->offset}), pad);
    return;
  }
  if (auto* node = std::get_if<Ternary>(&e.node)) {
    const Expr& yes = node->yes ? *node->yes : *node->condition;
    emit.branch(condition(*node->condition), [&] { into(yes, to, to_address, pad); }, [&] { into(*node->no, to, to_address, pad); });
    return;
  }
  if (auto* node = std::get_if<BlockExpr>(&e.node)) {
    emit.scope([&] {
      block(node->statements);
      into(*node->value, to, to_address, pad);
    });
    return;
  }
  if (auto* node = std::get_if<Call>(&e.node); node && (node->function >= 0 || (node->builtin && node->builtin->lower_into))) {
    if (to == e.type || (is_string(to) && to->size == e.type->size)) return call_into(e, *node, to_address, pad);
    Value made = memory(e.type->size);
    call_into(e, *node, made, false);
    return read({made, Memory::own}, e.type, to, to_address, pad, is_padded(e));
  }
  if (auto* node = std::get_if<Cast>(&e.node)) return cast_into(e, *node, to, to_address, pad);
  bool padded = is_padded(e);
  read(place(e), e.type, to, to_address, pad, padded);
}

// Bytes of a tuple that belong to no element.
void Lowering::zero_gaps(Type tuple, Value at) {
  uint32_t end = 0;
  auto gap = [&](uint32_t from, uint32_t to) {
    if (to > from) emit.zero(emit.offset(at, uint64_t{from}), to - from);
  };
  for (const Member& member : tuple->members) {
    gap(end, member.offset);
    end = member.offset + member.type->size;
  }
  gap(end, tuple->size);
}

void Lowering::cast_into(const ast::Expr& e, const ast::Cast& node, Type to, Value to_address, bool pad) {
  Type from = node.operand->type;
  if (is_scalar(from)) {  // an integer as array of the same size
    Value v = scalar(*node.operand);
    if (emit.width(v) == 1) v = emit.resize(v, 8, false);
    emit.store(to_address, v);
    return;
  }
  if (is_string(from) && is_string(e.type)) return into(*node.operand, to, to_address, pad);
  read(place(*node.operand), from->kind == e.type->kind ? from : e.type, to, to_address, pad, is_padded(*node.operand));
}

}  // namespace awl
