// Reading and writing memory: conversions, kernel and user memory, context values.
#include <algorithm>
#include <cassert>

#include "codegen/lower_internal.h"

namespace awl {

namespace {

// Temporary values up to this size may lie on the stack, whatever on_stack_limit says: a claim of scratch memory costs more than it saves.
constexpr uint32_t small = 64;

}  // namespace

unsigned bits_of(Type t) {
  if (t->kind == Kind::boolean) return 1;
  return t->size ? t->size * 8 : 64;
}

Value Lowering::memory(uint32_t size, uint32_t align) {
  size = std::max(size, 1u);
  bool on_stack = size <= std::max<uint64_t>(unit.config.on_stack_limit, small);
  return on_stack ? emit.slot(size, align) : emit.scratch((size + 7) / 8 * 8);
}

Value Lowering::load_scalar(Value from, Type t, uint32_t offset) {
  if (t->kind == Kind::boolean) return emit.resize(emit.load(from, 8, offset), 1, false);
  return emit.load(from, bits_of(t), offset);
}

void Lowering::store_scalar(Value to, Value v, Type t, uint32_t offset) {
  if (t->kind == Kind::boolean) v = emit.resize(v, 8, false);
  emit.store(to, v, offset);
}

Value Lowering::convert(Value v, Type from, Type to) {
  if (to->kind == Kind::boolean) return from->kind == Kind::boolean ? v : emit.resize(v, 1, false);
  bool is_signed = from->is_signed && from->kind != Kind::boolean;
  unsigned bits = bits_of(to);
  return emit.width(v) == bits ? v : emit.resize(v, bits, is_signed);
}

void Lowering::probe_read(Value to, uint32_t size, Value from, bool user) {
  check_read(emit.helper(user ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel, {to, emit.imm(size, 32), emit.resize(from, 64, false)}), user);
}

Lowering::ReadPlace::ReadPlace(Lowering& lowering, const ast::Expr& e) : lowering_(&lowering), before_(lowering.read_sites_) {
  if (lowering.unit.read_sites.empty()) return;
  if (auto found = lowering.unit.read_sites.find(&e); found != lowering.unit.read_sites.end()) lowering.read_sites_ = found->second;
}

Lowering::ReadPlace::~ReadPlace() { lowering_->read_sites_ = before_; }

Value Lowering::check_read(Value code, bool user) {
  int32_t site = user ? read_sites_.user : read_sites_.kernel;
  if (site < 0) return code;
  Value answer = map_result(code);
  emit.branch(emit.compare(Compare::slt, answer, emit.imm(0)), [&] { runtime_error(site, answer); }, {}, false);
  return code;
}

void Lowering::absent(const ast::Expr& map) { runtime_error(site_of(unit.lookup_sites, &map), emit.imm(0)); }

Value Lowering::read_scalar(Place from, Type t) {
  if (from.memory == Memory::own || from.memory == Memory::direct) return load_scalar(from.address, t);
  Value slot = emit.slot(t->size, std::min(t->size, 8u));
  probe_read(slot, t->size, from.address, from.memory == Memory::user);
  return load_scalar(slot, t);
}

void Lowering::literal(std::string_view text, uint32_t size, Value to) {
  std::string bytes(text.substr(0, size - 1));
  bytes.resize(std::min<size_t>((bytes.size() + 8) / 8 * 8, size));  // whole words, with the NUL
  uint32_t length = static_cast<uint32_t>(bytes.size());
  emit.copy(to, emit.bytes(bytes), length);
  if (length < size) emit.zero(emit.offset(to, uint64_t{length}), size - length);
}

// Whether nothing is undefined behind the end of the string(s) in the value's memory.
bool Lowering::is_padded(const ast::Expr& e) {
  if (!is_string(e.type)) return true;
  if (std::holds_alternative<ast::String>(e.node) || std::holds_alternative<ast::MapRef>(e.node) ||
      std::holds_alternative<ast::Parameter>(e.node))
    return true;
  auto* call = std::get_if<ast::Call>(&e.node);
  return call && call->args.empty();  // comm
}

Memory Lowering::memory_of(Type pointer) {
  if (pointer->space == AddressSpace::user) return Memory::user;
  if (pointer->space == AddressSpace::bpf) return Memory::own;
  if (pointer->space == AddressSpace::none && instance.context.user_pointers) return Memory::user;
  return Memory::kernel;
}

// Copies a value of `from_type` to own memory as `to_type`.
void Lowering::read(Place from, Type from_type, Type to_type, Value to, bool pad, bool source_padded) {
  if (is_scalar(to_type) && is_scalar(from_type)) {
    store_scalar(to, convert(read_scalar(from, from_type), from_type, to_type), to_type);
    return;
  }
  bool user = from.memory == Memory::user;
  if (is_string(to_type) && is_string(from_type)) {
    uint32_t size = std::min(from_type->size, to_type->size);
    if (pad && !source_padded) {
      emit.zero(to, to_type->size);
      check_read(emit.helper(user ? BPF_FUNC_probe_read_user_str : BPF_FUNC_probe_read_kernel_str,
                             {to, emit.imm(size, 32), emit.resize(from.address, 64, false)}),
                 user);
      return;
    }
    if (from.memory == Memory::own) emit.copy(to, from.address, size);
    else probe_read(to, size, from.address, user);
    if (size < to_type->size) {
      if (pad) emit.zero(emit.offset(to, uint64_t{size}), to_type->size - size);
      else emit.store(to, emit.imm(0, 8), size);
    } else if (from_type->size > size) {
      emit.store(to, emit.imm(0, 8), size - 1);
    }
    return;
  }
  bool fields = (to_type->kind == Kind::tuple || to_type->kind == Kind::record) && to_type != from_type;
  if (!fields) {
    uint32_t size = std::min(from_type->size, to_type->size);
    if (from.memory == Memory::own) emit.copy(to, from.address, size);
    else probe_read(to, size, from.address, user);
    if (size < to_type->size) emit.zero(emit.offset(to, uint64_t{size}), to_type->size - size);
    return;
  }
  if (pad) emit.zero(to, to_type->size);
  for (size_t i = 0; i < to_type->members.size(); ++i) {
    const Member& target = to_type->members[i];
    const Member* source = i < from_type->members.size() ? &from_type->members[i] : nullptr;
    if (to_type->kind == Kind::record) {
      auto found = std::ranges::find(from_type->members, target.name, &Member::name);
      source = found == from_type->members.end() ? nullptr : &*found;
    }
    if (!source) continue;
    read({emit.offset(from.address, uint64_t{source->offset}), from.memory}, source->type, target.type,
         emit.offset(to, uint64_t{target.offset}), pad, source_padded);
  }
}

Value Lowering::element_size(Type t) {
  if (!t) return emit.imm(1);
  if (is_structure(t) && t->btf_id) return emit.type_size(t);
  return emit.imm(std::max(t->size, 1u));
}

const ContextField* Lowering::context_field(const ast::Expr& e) {
  auto* field = std::get_if<ast::Field>(&e.node);
  if (!field) return nullptr;
  if (const ContextField* known = context_field_of(*field, instance.context)) return known;
  auto* call = std::get_if<ast::Call>(&field->object->node);
  if (!call || !call->builtin || !(call->builtin->flags & BuiltinFlag::arguments)) return nullptr;
  for (const ContextField& f : instance.context.args)
    if (f.name == field->name) return &f;
  return nullptr;
}

namespace {

// Members of a union share bytes: the verifier may see another member's type there.
bool shares_bytes(std::span<const Member> members, const Member& member) {
  return std::ranges::count_if(members, [&](const Member& m) {
           return m.offset < member.offset + std::max(member.type->size, 1u) && member.offset < m.offset + std::max(m.type->size, 1u);
         }) > 1;
}

}  // namespace

// Whether the verifier knows what an expression of pointer type points to: a trusted pointer, or one loaded through such.
bool Lowering::is_direct(const ast::Expr& e) {
  if (e.type->trusted) return !std::holds_alternative<ast::MapRef>(e.node);
  if (e.type->space == AddressSpace::user || !is_structure(e.type->element) || !e.type->element->btf_id) return false;
  const ast::Expr* at = &e;
  while (auto* field = std::get_if<ast::Field>(&at->node)) {
    if (context_field(*at)) return false;
    Type outer = field->object->type;
    Type structure = is_pointer(outer) ? outer->element : outer;
    if (!is_structure(structure) || !structure->btf_id || structure->is_union) return false;
    const Member* member = types.member(structure, field->name);
    if (!member || shares_bytes(types.members(structure), *member)) return false;
    at = field->object.get();
    if (is_pointer(outer)) return is_direct(*at);
  }
  return false;
}

// The pointer at the begin of a chain of fields (`$f` of `$f.f_inode.i_sb.s_dev`), if every step leads through kernel memory to a structure that the
// verifier can be told of and none is direct anyway.
const ast::Expr* Lowering::chain_root(const ast::Expr& e) {
  const ast::Expr* root = nullptr;
  for (const ast::Expr* at = &e; auto* field = std::get_if<ast::Field>(&at->node);) {
    if (context_field(*at)) break;
    const ast::Expr& object = *field->object;
    at = &object;
    Type structure = is_pointer(object.type) ? object.type->element : object.type;
    const Member* member = is_structure(structure) && structure->btf_id ? types.member(structure, field->name) : nullptr;
    if (!member || member->bit_size) break;
    if (!is_pointer(object.type)) continue;
    if (memory_of(object.type) != Memory::kernel || structure->name.empty() || !structure->module.empty() || is_direct(object)) break;
    root = &object;
  }
  return root;
}

// A scalar at the end of such a chain, read with loads where the kernel allows it. A pointer itself is read as memory even so: as a number it may be
// calculated with, which the verifier does not allow with pointers that it knows.
Value Lowering::through_typed_pointers(const ast::Expr& e, const ast::Expr& root) {
  Value pointer = scalar(root);
  auto read = [&](const ast::Expr* typed) {
    typed_root_ = typed;
    typed_root_value_ = pointer;
    Place from = place(e);
    if (is_pointer(e.type)) from.memory = Memory::kernel;
    Value v = read_scalar(from, e.type);
    typed_root_ = nullptr;
    return v;
  };
  return emit.choose(emit.has_typed_pointers(), [&] { return read(&root); }, [&] { return read(nullptr); });
}

// The object's address plus the member's offset.
Place Lowering::field_place(const ast::Field& field) {
  Type structure = field.object->type;
  Place base;
  if (is_pointer(structure)) {
    Value pointer = field.object.get() == typed_root_ ? typed_root_value_ : scalar(*field.object);
    structure = structure->element;
    if (typed_root_) base = {emit.typed_pointer(emit.to_address(pointer), structure), Memory::direct};
    else base = {emit.to_address(pointer), is_direct(*field.object) ? Memory::direct : memory_of(field.object->type)};
  } else {
    base = place(*field.object);
  }
  const Member* member = types.member(structure, field.name);
  assert(member);
  Value distance = is_relocated(structure) ? emit.field_offset(structure, *member) : emit.imm(member->offset);
  return {emit.offset(base.address, distance), base.memory};
}

// A value out of the context, zero-extended to 64 bits.
Value Lowering::access(const Access& access) {
  return std::visit(Overloaded{
                        [&](const RegisterAccess& a) { return emit.context_load(64, a.offset); },
                        [&](const ArgumentAccess& a) { return emit.context_load(64, a.index * 8); },
                        [&](const BytesAccess& a) {
                          unsigned bits = std::min(a.size ? a.size : 8, 8u) * 8;
                          Value v = a.core_type.empty() ? emit.context_load(bits, a.offset) : emit.context_load(bits, a);
                          return bits == 64 ? v : emit.resize(v, 64, false);
                        },
                        [&](const DataLocAccess& a) { return emit.resize(access_place(Access(a)).address, 64, false); },
                        [&](const FunctionIpAccess&) { return function_address(); },
                        [&](const HelperTextAccess&) { return emit.resize(access_place(access).address, 64, false); },
                        [&](const UsdtAccess& a) { return place_argument(a.index); },
                        [&](const RegistersAccess& a) { return emit.context_load(64, a.offsets.front()); },
                        [&](const StackAccess&) {
                          Value slot = memory(8);
                          probe_read(slot, 8, access_place(access).address, true);
                          return emit.load(slot, 64);
                        },
                    },
                    access);
}

// A field of a hook's context that is no number. What such a program's context holds is no memory: it is read by words.
Place Lowering::context_bytes(const ContextField& field) {
  auto* bytes = std::get_if<BytesAccess>(&field.access);
  if (!bytes) return access_place(field.access);
  Value copy = memory(bytes->size);
  for (uint32_t at = 0; at < bytes->size; at += 4) emit.store(copy, emit.context_load(32, bytes->offset + at), at);
  return {copy, Memory::own};
}

// Where bytes of the context (an array, a string) lie.
Place Lowering::access_place(const Access& access) {
  if (auto* location = std::get_if<DataLocAccess>(&access)) {
    const BytesAccess& at = location->word;
    Value word = at.core_type.empty() ? emit.context_load(32, at.offset) : emit.context_load(32, at);
    Value distance = emit.resize(emit.binary(Op::bit_and, word, emit.imm(0xffff, 32)), 64, false);
    return {emit.offset(emit.context(), distance), Memory::kernel};
  }
  if (auto* text = std::get_if<HelperTextAccess>(&access)) {
    Value copy = memory(text->size);
    emit.zero(copy, text->size);
    emit.helper(text->helper, {emit.context(), copy, emit.imm(text->size), emit.imm(0)});
    return {copy, Memory::own};
  }
  if (auto* bytes = std::get_if<BytesAccess>(&access)) {
    Value distance = emit.imm(bytes->offset);
    if (!bytes->core_type.empty())
      if (Type structure = types.find_structure(bytes->core_type))
        if (const Member* member = types.member(structure, bytes->core_member)) distance = emit.field_offset(structure, *member);
    return {emit.offset(emit.context(), distance), Memory::kernel};
  }
  if (auto* registers = std::get_if<RegistersAccess>(&access)) {
    Value copy = memory(static_cast<uint32_t>(registers->offsets.size()) * 8);
    for (uint32_t i = 0; i < registers->offsets.size(); ++i) emit.store(copy, emit.context_load(64, registers->offsets[i]), i * 8);
    return {copy, Memory::own};
  }
  if (auto* stack = std::get_if<StackAccess>(&access)) {
    constexpr uint32_t stack_pointer = 152;  // struct pt_regs of x86-64
    return {emit.to_address(emit.binary(Op::add, emit.context_load(64, stack_pointer), emit.imm(stack->offset))), Memory::user};
  }
  return {emit.to_address(this->access(access)), Memory::kernel};
}

// The traced kernel function: a symbol where there is but one, else the instruction pointer. An int3 probe's saved pointer is one behind its
// address; kernels with attach cookies (5.15) also have bpf_get_func_ip, which is right for every way of attaching.
Value Lowering::function_address() {
  using artifact::ParamKind;
  if (!instance.target.parts.empty()) {
    std::string name = instance.target.parts.back();
    name = name.substr(0, name.find('+'));
    if (find_param(ParamKind::kernel_symbol, name) >= 0) return param(ParamKind::kernel_symbol, name);
  }
  constexpr uint32_t instruction_pointer = 128;  // struct pt_regs of x86-64
  if (instance.context.user_pointers) return emit.context_load(64, instruction_pointer);  // the kernel sets it back to the breakpoint
  auto from_registers = [&] { return emit.binary(Op::sub, emit.context_load(64, instruction_pointer), emit.imm(1)); };
  if (find_param(ParamKind::feature, "attach_cookie") < 0) return from_registers();
  Value has = emit.compare(Compare::ne, param(ParamKind::feature, "attach_cookie"), emit.imm(0));
  return emit.choose(has, [&] { return emit.helper(BPF_FUNC_get_func_ip, {emit.context()}, Effect::reads); }, from_registers);
}

}  // namespace awl
