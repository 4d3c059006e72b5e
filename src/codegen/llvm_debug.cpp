#include "codegen/llvm_debug.h"

#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/Function.h>

#include <algorithm>

#include "artifact/enum_names.h"

namespace awl::codegen {

using artifact::Kind;

Debug::Debug(llvm::Module& module, const Sources& sources, const std::string& name)
    : module_(module), sources_(sources), name_(name.empty() ? "awl" : name), builder_(module) {
  unit_ = builder_.createCompileUnit(llvm::dwarf::DW_LANG_C99, file(sources.count() > 0 ? 1 : 0), "awl", true, "", 0);
}

llvm::DIFile* Debug::file(uint32_t number) {
  llvm::DIFile*& known = files_[number];
  if (known) return known;
  // The text stands in the debug information, so that nothing is read from disk and .BTF.ext has the script's lines.
  if (number == 0)
    known = builder_.createFile(name_, "", std::nullopt, llvm::StringRef(""));
  else
    known = builder_.createFile(sources_.file(number).name, "", std::nullopt, llvm::StringRef(sources_.file(number).text));
  return known;
}

llvm::DIType* Debug::integer(uint32_t size, bool is_signed) {
  const char* name = "unsigned long long";
  switch (size) {
    case 1: name = is_signed ? "signed char" : "unsigned char"; break;
    case 2: name = is_signed ? "short" : "unsigned short"; break;
    case 4: name = is_signed ? "int" : "unsigned int"; break;
    default: name = is_signed ? "long long" : "unsigned long long"; size = 8; break;
  }
  unsigned encoding = is_signed ? llvm::dwarf::DW_ATE_signed : llvm::dwarf::DW_ATE_unsigned;
  return builder_.createBasicType(name, uint64_t{size} * 8, encoding);
}

llvm::DIType* Debug::boolean() { return builder_.createBasicType("_Bool", 8, llvm::dwarf::DW_ATE_boolean); }

llvm::DIType* Debug::character() { return builder_.createBasicType("char", 8, llvm::dwarf::DW_ATE_signed_char); }

llvm::DIType* Debug::pointer(llvm::DIType* to) { return builder_.createPointerType(to, 64); }

llvm::DIType* Debug::array(llvm::DIType* element, uint64_t element_size, uint64_t count) {
  llvm::Metadata* range = builder_.getOrCreateSubrange(0, static_cast<int64_t>(count));
  return builder_.createArrayType(element_size * count * 8, 0, element, builder_.getOrCreateArray({range}));
}

llvm::DIType* Debug::structure(const std::string& name, const std::vector<DebugMember>& members, uint64_t size, bool is_union) {
  llvm::DIFile* where = files_.begin()->second;
  std::vector<llvm::Metadata*> elements;
  for (const DebugMember& m : members) {
    llvm::DIType* element = nullptr;
    if (m.bit_field) {
      element = builder_.createBitFieldMemberType(unit_, m.name, where, 0, m.size, m.offset, m.offset / 64 * 64, llvm::DINode::FlagZero, m.type);
    } else {
      element = builder_.createMemberType(unit_, m.name, where, 0, m.size, 0, m.offset, llvm::DINode::FlagZero, m.type);
    }
    elements.push_back(element);
  }
  llvm::DINodeArray array = builder_.getOrCreateArray(elements);
  if (is_union) return builder_.createUnionType(unit_, name, where, 0, size * 8, 0, llvm::DINode::FlagZero, array);
  return builder_.createStructType(unit_, name, where, 0, size * 8, 0, llvm::DINode::FlagZero, nullptr, array);
}

llvm::DIType* Debug::enumeration(uint32_t size) {
  llvm::DINodeArray elements = builder_.getOrCreateArray({builder_.createEnumerator("awl_enumerator", 0)});
  return builder_.createEnumerationType(unit_, "", files_.begin()->second, 0, uint64_t{size} * 8, 0, elements, integer(size, false));
}

llvm::DIType* Debug::pair(const char* first, const char* second, const std::string& name) {
  llvm::DIType* u64 = integer(8, false);
  return structure(name, {{first, u64, 0, 64}, {second, u64, 64, 64}}, 16);
}

llvm::DIType* Debug::stack(const artifact::Type& type) {
  llvm::DIType* u32 = integer(4, false);
  return structure("", {{"hash", integer(8, false), 0, 64}, {"frames", u32, 64, 32}, {type.kind == Kind::ustack ? "pid" : "zero", u32, 96, 32}}, type.size);
}

llvm::DIType* Debug::c_type(Type type) {
  if (!type || type->kind == Kind::none) return nullptr;
  switch (type->kind) {
    case Kind::boolean: return boolean();
    case Kind::pointer: return pointer(c_type(type->element));
    case Kind::structure: {
      unsigned tag = type->is_union ? llvm::dwarf::DW_TAG_union_type : llvm::dwarf::DW_TAG_structure_type;
      return builder_.createForwardDecl(tag, type->name, unit_, files_.begin()->second, 0);
    }
    case Kind::enumeration: {
      llvm::DINodeArray elements = builder_.getOrCreateArray({builder_.createEnumerator("awl_enumerator", 0)});
      return builder_.createEnumerationType(unit_, type->name, files_.begin()->second, 0, uint64_t{type->size} * 8, 0, elements, integer(type->size, type->is_signed));
    }
    default: return integer(type->size, type->is_signed);
  }
}

namespace {

// BTF wants C identifiers; names of record fields are, tuple elements have none.
std::string member_name(const artifact::Element& element, size_t index) {
  return element.name.empty() ? "_" + std::to_string(index) : element.name;
}

}  // namespace

llvm::DIType* Debug::value(const artifact::Type& type) {
  llvm::DIType* u32 = integer(4, false);
  llvm::DIType* byte = integer(1, false);
  switch (type.kind) {
    case Kind::boolean: return type.size == 1 ? boolean() : integer(type.size, false);
    case Kind::integer:
    case Kind::enumeration: return integer(type.size, type.is_signed);
    case Kind::pointer: return pointer(nullptr);
    case Kind::string: return array(character(), 1, type.size);
    case Kind::buffer:
      if (type.size < 4) break;
      return structure("", {{"length", u32, 0, 32}, {"data", array(byte, 1, type.size - 4), 32, (type.size - 4) * 8ull}}, type.size);
    case Kind::array:
      if (type.elements.empty() || type.elements[0].type.empty() || type.elements[0].type[0].size == 0) break;
      return array(value(type.elements[0].type[0]), type.elements[0].type[0].size, type.count);
    case Kind::tuple:
    case Kind::record: {
      std::vector<DebugMember> members;
      for (size_t i = 0; i < type.elements.size(); ++i) {
        const artifact::Element& e = type.elements[i];
        if (e.type.empty()) continue;
        members.push_back({member_name(e, i), value(e.type[0]), e.offset * 8ull, e.type[0].size * 8ull});
      }
      return structure("", members, type.size);
    }
    case Kind::kstack:
    case Kind::ustack:
      return stack(type);
    case Kind::usym: return structure("", {{"address", integer(8, false), 0, 64}, {"pid", u32, 64, 32}, {"zero", u32, 96, 32}}, type.size);
    case Kind::cidr: return structure("", {{"bits", u32, 0, 32}, {"address", array(byte, 1, 16), 32, 128}}, type.size);
    case Kind::inet: return structure("", {{"family", u32, 0, 32}, {"address", array(byte, 1, 16), 32, 128}}, type.size);
    case Kind::timestamp: return structure("", {{"ns", integer(8, false), 0, 64}, {"format", u32, 64, 32}, {"clock", u32, 96, 32}}, type.size);
    case Kind::ksym:
    case Kind::username:
    case Kind::probe:
    case Kind::count: return integer(8, false);
    case Kind::cgroup_path: return pair("id", "filter");
    case Kind::sum:
    case Kind::avg:
    case Kind::stats: return pair("total", "updates", fmt::format("awl_{}", artifact::enum_name(type.kind)));
    case Kind::min:
    case Kind::max: return pair("value", "updates", fmt::format("awl_{}", artifact::enum_name(type.kind)));
    case Kind::hist:
    case Kind::lhist:
    case Kind::tseries:
      if (type.size % 8 == 0) return array(integer(8, false), 8, type.size / 8);
      break;
    default: break;
  }
  return array(byte, 1, type.size);
}

void Debug::describe(llvm::GlobalVariable& variable, llvm::DIType* type) {
  variable.addDebugInfo(builder_.createGlobalVariableExpression(unit_, variable.getName(), "", files_.begin()->second, 0, type, false));
}

llvm::DISubprogram* Debug::function(llvm::Function& function, Span place) {
  place = sources_.written(place);
  llvm::DIFile* where = file(place.file);
  uint32_t line = place ? sources_.position(place.file, place.begin).line : 0;
  llvm::DIType* argument = pointer(nullptr);
  llvm::DISubroutineType* type = builder_.createSubroutineType(builder_.getOrCreateTypeArray({integer(4, true), argument}));
  llvm::DISubprogram* subprogram = builder_.createFunction(where, function.getName(), "", where, line, type, line, llvm::DINode::FlagPrototyped,
                                                           llvm::DISubprogram::SPFlagDefinition | llvm::DISubprogram::SPFlagOptimized);
  function.setSubprogram(subprogram);
  builder_.createParameterVariable(subprogram, "ctx", 1, where, line, argument, true);
  return subprogram;
}

llvm::DISubprogram* Debug::local_function(llvm::Function& function, Span place, llvm::DIType* result, llvm::ArrayRef<llvm::DIType*> arguments) {
  llvm::DIFile* where = file(place.file);
  uint32_t line = place ? sources_.position(place.file, place.begin).line : 0;
  llvm::SmallVector<llvm::Metadata*, 6> types{result};
  types.append(arguments.begin(), arguments.end());
  llvm::DISubroutineType* type = builder_.createSubroutineType(builder_.getOrCreateTypeArray(types));
  llvm::DISubprogram* subprogram = builder_.createFunction(where, function.getName(), "", where, line, type, line, llvm::DINode::FlagPrototyped,
                                                           llvm::DISubprogram::SPFlagDefinition | llvm::DISubprogram::SPFlagOptimized | llvm::DISubprogram::SPFlagLocalToUnit);
  function.setSubprogram(subprogram);
  for (unsigned i = 0; i < arguments.size(); ++i)
    builder_.createParameterVariable(subprogram, "argument" + std::to_string(i), i + 1, where, line, arguments[i], true);
  return subprogram;
}

void Debug::declare(llvm::Function& function, llvm::DIType* result, llvm::ArrayRef<llvm::DIType*> arguments) {
  llvm::DIFile* where = files_.begin()->second;
  llvm::SmallVector<llvm::Metadata*, 6> types{result};
  types.append(arguments.begin(), arguments.end());
  llvm::DISubroutineType* type = builder_.createSubroutineType(builder_.getOrCreateTypeArray(types));
  function.setSubprogram(builder_.createFunction(where, function.getName(), "", where, 0, type, 0, llvm::DINode::FlagPrototyped, llvm::DISubprogram::SPFlagZero));
}

llvm::DILocation* Debug::location(llvm::DISubprogram* function, Span place) {
  llvm::DIScope* scope = function;
  Position position;
  place = sources_.written(place);
  if (place) {
    position = sources_.position(place.file, place.begin);
    if (file(place.file) != function->getFile()) {
      llvm::DILexicalBlockFile*& other = other_files_[{function, place.file}];
      if (!other) other = builder_.createLexicalBlockFile(function, file(place.file));
      scope = other;
    }
  }
  return llvm::DILocation::get(module_.getContext(), position.line, position.column, scope);
}

}  // namespace awl::codegen
