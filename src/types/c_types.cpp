// libclang's types as types of the language.
#include <algorithm>
#include <limits>

#include "types/c_unit.h"

namespace awl {
namespace {

constexpr unsigned nesting_limit = 64;  // anonymous structures within each other
constexpr unsigned user_address_space = 1;  // what the kernel's __user is for its own checker

template <typename Use>
CXVisitorResult call_with_field(CXCursor field, CXClientData data) {
  (*static_cast<Use*>(data))(field);
  return CXVisit_Continue;
}

template <typename Use>
CXChildVisitResult call_with_child(CXCursor cursor, CXCursor, CXClientData data) {
  (*static_cast<Use*>(data))(cursor);
  return CXChildVisit_Continue;
}

}  // namespace

CDefinitions::CDefinitions(std::unique_ptr<Hidden> hidden) : hidden_(std::move(hidden)) {}
CDefinitions::~CDefinitions() = default;

CDefinitions::Hidden::~Hidden() {
  if (unit) clang->disposeTranslationUnit(unit);
  if (index) clang->disposeIndex(index);
}

CXChildVisitResult CDefinitions::Hidden::visit(CXCursor cursor, CXCursor parent, CXClientData data) {
  auto& self = *static_cast<Hidden*>(data);
  const LibClang& clang = *self.clang;
  auto add = [&](auto& names) { names.try_emplace(clang.text(clang.getCursorSpelling(cursor)), cursor); };
  switch (clang.getCursorKind(cursor)) {
    case CXCursor_StructDecl:
    case CXCursor_UnionDecl: add(self.structures); return CXChildVisit_Recurse;
    case CXCursor_EnumDecl: add(self.enumerations); return CXChildVisit_Recurse;
    case CXCursor_FieldDecl: return CXChildVisit_Continue;
    case CXCursor_TypedefDecl: add(self.typedefs); return CXChildVisit_Continue;
    case CXCursor_EnumConstantDecl: {
      auto value = static_cast<uint64_t>(clang.getEnumConstantDeclValue(cursor));
      self.enumerators.try_emplace(clang.text(clang.getCursorSpelling(cursor)), value, parent);
      return CXChildVisit_Continue;
    }
    case CXCursor_VarDecl: add(self.variables); return CXChildVisit_Continue;
    default: return CXChildVisit_Continue;
  }
}

void CDefinitions::Hidden::read_declarations() { clang->visitChildren(clang->getTranslationUnitCursor(unit), &Hidden::visit, this); }

Type CDefinitions::Hidden::bytes(long long size) {
  if (size < 0 || size > std::numeric_limits<uint32_t>::max()) return types->none();
  return types->array(types->integer(1, false), static_cast<uint32_t>(size));
}

Type CDefinitions::Hidden::convert(CXType given) {
  CXType type = clang->getCanonicalType(given);
  switch (type.kind) {
    case CXType_Bool: return types->boolean();
    case CXType_Char_S:
    case CXType_Char_U:
    case CXType_SChar: return types->integer(1, true);
    case CXType_UChar: return types->integer(1, false);
    case CXType_Short: return types->integer(2, true);
    case CXType_UShort:
    case CXType_Char16: return types->integer(2, false);
    case CXType_Int: return types->integer(4, true);
    case CXType_UInt:
    case CXType_Char32: return types->integer(4, false);
    case CXType_WChar: return types->integer(4, true);
    case CXType_Long:
    case CXType_LongLong: return types->integer(static_cast<uint32_t>(clang->Type_getSizeOf(type)), true);
    case CXType_ULong:
    case CXType_ULongLong: return types->integer(static_cast<uint32_t>(clang->Type_getSizeOf(type)), false);
    case CXType_Int128:
    case CXType_UInt128:
    case CXType_Vector:
    case CXType_ExtVector: return bytes(clang->Type_getSizeOf(type));
    case CXType_Pointer: return convert_pointer(type);
    case CXType_Enum: return convert_enumeration(clang->getTypeDeclaration(type));
    case CXType_Record: return convert_structure(clang->getTypeDeclaration(type));
    case CXType_ConstantArray:
    case CXType_IncompleteArray:
    case CXType_VariableArray: return convert_array(type);
    case CXType_Atomic: return convert(clang->Type_getValueType(type));
    default: return types->none();  // void, floating point, functions
  }
}

Type CDefinitions::Hidden::convert_pointer(CXType type) {
  CXType pointee = clang->getPointeeType(type);
  return types->pointer(convert(pointee), clang->getAddressSpace(pointee) == user_address_space ? AddressSpace::user : AddressSpace::none);
}

Type CDefinitions::Hidden::convert_array(CXType type) {
  CXType element_type = clang->getCanonicalType(clang->getArrayElementType(type));
  Type element = convert(element_type);
  long long count = type.kind == CXType_ConstantArray ? std::max(clang->getArraySize(type), 0ll) : 0;
  if (element->kind == Kind::none) return bytes(std::max(clang->Type_getSizeOf(type), 0ll));  // of floating point
  if (count > std::numeric_limits<uint32_t>::max() / std::max(element->size, 1u)) return types->none();
  if (count && element == types->integer(1, true)) return types->string(static_cast<uint32_t>(count));
  return types->array(element, static_cast<uint32_t>(count));
}

Type CDefinitions::Hidden::convert_structure(CXCursor declaration) {
  CXCursor definition = clang->getCursorDefinition(declaration);
  if (clang->Cursor_isNull(definition)) {
    // Only declared: the kernel may know it.
    std::string name = clang->text(clang->getCursorSpelling(declaration));
    if (Type known = types->find_kernel_structure(name)) return known;
    CXCursor canonical = clang->getCanonicalCursor(declaration);
    auto [it, fresh] = made_.try_emplace(canonical, nullptr);
    if (fresh) it->second = types->define_structure(name, clang->getCursorKind(declaration) == CXCursor_UnionDecl, 0, 1, {});
    return it->second;
  }
  auto [it, fresh] = made_.try_emplace(definition, nullptr);
  if (!fresh) return it->second;
  CXType type = clang->getCursorType(definition);
  std::string name = clang->Cursor_isAnonymous(definition) ? "" : clang->text(clang->getCursorSpelling(definition));
  auto size = static_cast<uint32_t>(std::clamp(clang->Type_getSizeOf(type), 0ll, 0xffffffffll));
  auto align = static_cast<uint32_t>(std::clamp(clang->Type_getAlignOf(type), 1ll, 4096ll));
  const size_t separator = name.find("___");
  const bool flavour = separator != name.npos && separator != 0;
  return it->second = types->define_structure(std::move(name), clang->getCursorKind(definition) == CXCursor_UnionDecl, size, align, [this, type] { return members(type); }, flavour);
}

Type CDefinitions::Hidden::convert_enumeration(CXCursor declaration) {
  CXCursor definition = clang->getCursorDefinition(declaration);
  std::string name = clang->Cursor_isAnonymous(declaration) ? "" : clang->text(clang->getCursorSpelling(declaration));
  if (clang->Cursor_isNull(definition)) {
    Type known = types->find_kernel_enumeration(name);
    return known ? known : types->integer(4, false);
  }
  auto [it, fresh] = made_.try_emplace(definition, nullptr);
  if (!fresh) return it->second;
  Type underlying = convert(clang->getEnumDeclIntegerType(definition));
  std::vector<artifact::Enumerator> list;
  auto add = [&](CXCursor child) {
    if (clang->getCursorKind(child) == CXCursor_EnumConstantDecl)
      list.push_back({clang->text(clang->getCursorSpelling(child)), static_cast<uint64_t>(clang->getEnumConstantDeclValue(child))});
  };
  clang->visitChildren(definition, call_with_child<decltype(add)>, &add);
  return it->second = types->enumeration(std::move(name), underlying->size, underlying->is_signed, std::move(list));
}

std::vector<Member> CDefinitions::Hidden::members(CXType structure) {
  std::vector<Member> out;
  collect(structure, 0, 0, out);
  return out;
}

void CDefinitions::Hidden::collect(CXType structure, uint64_t bits, unsigned depth, std::vector<Member>& out) {
  if (depth > nesting_limit) return;
  auto add = [&](CXCursor field) {
    long long at = clang->Cursor_getOffsetOfField(field);
    if (at < 0) return;
    CXType type = clang->getCanonicalType(clang->getCursorType(field));
    std::string name = clang->text(clang->getCursorSpelling(field));
    bool named = !name.empty() && !name.contains('(');  // newer ones spell the nameless as "(anonymous at ...)"
    if (named)
      out.push_back(make_member(field, std::move(name), bits + static_cast<uint64_t>(at)));
    else if (type.kind == CXType_Record)
      collect(type, bits + static_cast<uint64_t>(at), depth + 1, out);
  };
  clang->Type_visitFields(structure, call_with_field<decltype(add)>, &add);
}

Member CDefinitions::Hidden::make_member(CXCursor field, std::string name, uint64_t bits) {
  Member member{.name = std::move(name), .type = convert(clang->getCursorType(field)), .offset = static_cast<uint32_t>(bits / 8)};
  if (!clang->Cursor_isBitField(field)) return member;
  int width = clang->getFieldDeclBitWidth(field);
  uint64_t unit_bits = uint64_t{std::max(member.type->size, 1u)} * 8;
  uint64_t start = bits / unit_bits * unit_bits;
  if (bits + static_cast<uint64_t>(width) > start + unit_bits) start = bits / 8 * 8;
  member.offset = static_cast<uint32_t>(start / 8);
  member.bit_offset = static_cast<uint8_t>(bits - start);
  member.bit_size = static_cast<uint8_t>(width);
  return member;
}

// ---- look-up ----

namespace {

const CXCursor* find(const std::unordered_map<std::string, CXCursor>& names, std::string_view name) {
  auto found = names.find(std::string(name));
  return found == names.end() ? nullptr : &found->second;
}

}  // namespace

Type CDefinitions::find_structure(std::string_view name) {
  const CXCursor* cursor = find(hidden_->structures, name);
  if (!cursor || hidden_->clang->Cursor_isNull(hidden_->clang->getCursorDefinition(*cursor))) return nullptr;
  return hidden_->convert_structure(*cursor);
}

Type CDefinitions::find_enumeration(std::string_view name) {
  const CXCursor* cursor = find(hidden_->enumerations, name);
  if (!cursor || hidden_->clang->Cursor_isNull(hidden_->clang->getCursorDefinition(*cursor))) return nullptr;
  return hidden_->convert_enumeration(*cursor);
}

Type CDefinitions::find_typedef(std::string_view name) {
  const CXCursor* cursor = find(hidden_->typedefs, name);
  if (!cursor) return nullptr;
  return hidden_->convert(hidden_->clang->getTypedefDeclUnderlyingType(*cursor));
}

std::optional<std::pair<uint64_t, Type>> CDefinitions::find_enumerator(std::string_view name) {
  auto found = hidden_->enumerators.find(std::string(name));
  if (found == hidden_->enumerators.end()) return std::nullopt;
  return std::pair{found->second.first, hidden_->convert_enumeration(found->second.second)};
}

std::optional<Constant> CDefinitions::find_constant(std::string_view name) {
  const LibClang& clang = *hidden_->clang;
  auto evaluate = [&](std::string_view prefix) -> std::optional<Constant> {
    const CXCursor* cursor = find(hidden_->variables, std::string(prefix) + std::string(name));
    CXEvalResult result = cursor ? clang.Cursor_Evaluate(*cursor) : nullptr;
    if (!result) return std::nullopt;
    std::optional<Constant> constant;
    if (clang.EvalResult_getKind(result) == CXEval_Int) {
      bool is_unsigned = clang.EvalResult_isUnsignedInt(result);
      long long value = is_unsigned ? static_cast<long long>(clang.EvalResult_getAsUnsigned(result)) : clang.EvalResult_getAsLongLong(result);
      constant = Constant{Constant::Number{static_cast<uint64_t>(value), !is_unsigned && value < 0}};
    } else if (clang.EvalResult_getKind(result) == CXEval_StrLiteral) {
      constant = Constant{std::string(clang.EvalResult_getAsStr(result))};
    }
    clang.EvalResult_dispose(result);
    return constant;
  };
  if (auto value = evaluate(value_prefix)) return value;
  auto text = evaluate(text_prefix);
  if (!text) return std::nullopt;
  std::string& expanded = std::get<std::string>(text->value);
  // A macro that takes arguments, or one that names itself, expands to its own name here.
  if (expanded.empty() || expanded == name) return std::nullopt;
  return Constant{Constant::Text{std::move(expanded)}};
}

std::vector<std::string_view> CDefinitions::structure_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, cursor] : hidden_->structures) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

}  // namespace awl
