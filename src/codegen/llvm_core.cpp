#include "codegen/llvm_core.h"

#include <llvm/IR/Instructions.h>

#include <algorithm>

namespace awl::codegen {

namespace {

constexpr uint32_t array_elements = 64;  // of the local array when an element of it is asked for; libbpf checks the index against both

bool is_bit_field(const DebugMember& member) { return member.bit_field; }

// Of a type as a whole, not of a member.
bool is_whole(CoreKind kind) { return kind == CoreKind::type_size || kind == CoreKind::type_id; }

}  // namespace

// libbpf accepts a candidate member only when its kind agrees: integers with integers, pointers with pointers, arrays with
// arrays of compatible elements, structures with structures of any name, unnamed enumerations with enumerations.
llvm::DIType* Core::member_type(Type type, uint32_t& size) {
  size = type && type->size ? type->size : 8;
  if (!type) return debug_.integer(8, false);
  switch (type->kind) {
    case Kind::pointer: size = 8; return debug_.pointer(nullptr);
    case Kind::boolean:
    case Kind::integer: return debug_.integer(size, type->is_signed);
    case Kind::enumeration: return debug_.enumeration(size);
    case Kind::structure: return debug_.structure("", {}, size, type->is_union);
    case Kind::string: return debug_.array(debug_.character(), 1, size);
    case Kind::array: {
      uint32_t element_size = 0;
      llvm::DIType* element = member_type(type->element, element_size);
      size = element_size * type->count;
      return debug_.array(element, element_size, type->count);
    }
    default: return debug_.array(debug_.integer(1, false), 1, size);
  }
}

uint32_t Core::local_member(Local& local, const CoreField& field) {
  bool element = field.array_index >= 0;
  std::string key = field.member + (field.bit_size ? ":" : element ? "[" : "");
  auto [found, fresh] = local.index.try_emplace(key, static_cast<uint32_t>(local.members.size()));
  if (!fresh) return found->second;
  uint32_t size = 8;
  DebugMember member{.name = field.member};
  if (element) {
    size = 8 * array_elements;
    member.type = debug_.array(debug_.integer(8, false), 8, array_elements);
  } else {
    member.type = member_type(field.type, size);
  }
  uint64_t offset = local.is_union ? 0 : (local.size + 7) / 8 * 8;
  member.offset = offset * 8;
  member.bit_field = field.bit_size != 0;
  member.size = member.bit_field ? field.bit_size : size * 8ull;
  local.size = std::max<uint64_t>(local.size, offset + size);
  local.members.push_back(member);
  local.element_sizes.push_back(element ? 8 : size);
  return found->second;
}

llvm::Value* Core::value(llvm::IRBuilderBase& ir, const std::string& structure, bool is_union, CoreKind kind, const CoreField& field) {
  Local& local = locals_.try_emplace((is_union ? "union " : "struct ") + structure).first->second;
  // A suffix of the script's own stays behind ours: libbpf cuts the name at the last separator.
  const size_t flavour = std::min(structure.find("___"), structure.size());
  local.name = structure.substr(0, flavour) + "___awl" + (flavour < structure.size() ? structure.substr(flavour + 2) : "");
  local.is_union = is_union;
  bool whole = is_whole(kind);
  uint32_t member = whole ? 0 : local_member(local, field);
  std::string key = local.name + (is_union ? "|" : ":") + std::to_string(static_cast<int>(kind)) + ":" + std::to_string(member) + ":" + std::to_string(field.array_index);
  auto [found, fresh] = known_.try_emplace(key, static_cast<uint32_t>(uses_.size()));
  llvm::Type* type = ir.getInt64Ty();
  if (fresh) {
    auto* variable = new llvm::GlobalVariable(module_, type, false, llvm::GlobalValue::ExternalLinkage, nullptr, "llvm.awl." + key);
    variable->addAttribute("btf_ama");
    if (kind == CoreKind::left_shift || kind == CoreKind::right_shift) variable->addAttribute("awl-shift");
    uses_.push_back({variable, &local, kind, member, field.array_index});
  }
  llvm::LoadInst* load = ir.CreateAlignedLoad(type, uses_[found->second].variable, llvm::Align(8));
  if (questions) load->setVolatile(true);
  else load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(ir.getContext(), {}));
  return load;
}

uint32_t Core::number(llvm::Value* value) const {
  auto* load = llvm::cast<llvm::LoadInst>(value);
  auto use = std::ranges::find(uses_, load->getPointerOperand(), &Use::variable);
  return static_cast<uint32_t>(use - uses_.begin());
}

bool Core::is_shift(const llvm::Value* value) {
  auto* load = llvm::dyn_cast<llvm::LoadInst>(value);
  auto* variable = load ? llvm::dyn_cast<llvm::GlobalVariable>(load->getPointerOperand()) : nullptr;
  return variable && variable->hasAttribute("awl-shift");
}

// What libbpf computes for the local type (tools/lib/bpf/relo_core.c, bpf_core_calc_field_relo): a bit-field's container is as
// large as its type and aligned to that; local members start at multiples of 8 bytes.
uint64_t Core::local_value(const Use& use) {
  if (use.kind == CoreKind::type_size) return use.local->size;
  if (use.kind == CoreKind::type_id) return 0;
  const DebugMember& member = use.local->members[use.member];
  uint64_t size = use.local->element_sizes[use.member];
  uint64_t bits = is_bit_field(member) ? member.size : size * 8;
  switch (use.kind) {
    case CoreKind::byte_offset: return member.offset / 8 + (use.array_index > 0 ? static_cast<uint64_t>(use.array_index) * size : 0);
    case CoreKind::byte_size: return size;
    case CoreKind::left_shift:
    case CoreKind::right_shift: return 64 - bits;
    default: return 1;
  }
}

void Core::finish() {
  std::map<const Local*, llvm::DIType*> types;
  for (auto& [key, local] : locals_) types[&local] = debug_.structure(local.name, local.members, local.size, local.is_union);
  for (const Use& use : uses_) {
    std::string access = "0";
    if (!is_whole(use.kind)) access += ":" + std::to_string(use.member);
    if (use.array_index >= 0) access += ":" + std::to_string(use.array_index);
    use.variable->setName("llvm." + use.local->name + ":" + std::to_string(static_cast<int>(use.kind)) + ":" + std::to_string(local_value(use)) + "$" + access);
    use.variable->setMetadata(llvm::LLVMContext::MD_preserve_access_index, types[use.local]);
  }
}

}  // namespace awl::codegen
