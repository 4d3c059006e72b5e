#include "semantic/c_functions.h"

#include <bpf/btf.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/diag/imports.h"
#include "base/diag/statements.h"
#include "base/memory_file.h"
#include "builtins/builtin.h"
#include "probes/btf_lookup.h"

namespace awl {
namespace {

constexpr size_t largest_object = 16 << 20;
constexpr size_t most_parameters = 5;
// Newest first: what the code of the script itself is made with, then what a distribution may have.
constexpr std::string_view compilers[] = {"clang-19", "clang", "clang-20", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14"};

std::vector<std::string> command_line(const Unit& unit, const std::string& path) {
  // Hidden functions are followed by the verifier at each call with what it knows of the arguments.
  std::vector<std::string> words = {"", "--target=bpf", "-mcpu=v3", "-O2", "-g", "-fvisibility=hidden", "-D__TARGET_ARCH_x86"};
  for (const std::string& folder : unit.options.include_dirs) words.push_back("-I" + folder);
  words.insert(words.end(), {"-idirafter", "/usr/include/x86_64-linux-gnu", "-c", path, "-o", "-"});
  return words;
}

// Null: the language cannot give or take such a value.
Type type_of(Unit& unit, const btf* types, uint32_t id, unsigned depth = 0) {
  id = skip_modifiers(types, id);
  if (id == 0) return unit.types.none();
  const btf_type* t = btf__type_by_id(types, id);
  if (!t) return nullptr;
  const char* name = btf__name_by_offset(types, t->name_off);
  switch (btf_kind(t)) {
    case BTF_KIND_INT:
      if (t->size > 8) return nullptr;
      if (btf_int_encoding(t) & BTF_INT_BOOL) return unit.types.boolean();
      return unit.types.integer(t->size, btf_int_encoding(t) & BTF_INT_SIGNED);
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64: return unit.types.enumeration(name, t->size, btf_kflag(t), {});
    case BTF_KIND_PTR: {
      Type to = depth < 4 ? type_of(unit, types, t->type, depth + 1) : nullptr;
      return unit.types.pointer(to && to->kind != Kind::none ? to : nullptr, AddressSpace::none);
    }
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case BTF_KIND_FWD: {
      if (depth == 0) return nullptr;
      if (Type known = unit.types.find_structure(name)) return known;
      return unit.types.structure(name, {}, 0);
    }
    default: return nullptr;
  }
}

// False: it has a type that scripts do not have.
bool declare(Unit& unit, const btf* types, const btf_type* function, const ImportedObject& object, FunctionInstance& made) {
  const btf_type* prototype = btf__type_by_id(types, function->type);
  if (!prototype || !btf_is_func_proto(prototype) || btf_vlen(prototype) > most_parameters) return false;
  Type result = type_of(unit, types, prototype->type);
  if (!result) return false;
  made.external = true;
  made.name_span = object.import;
  made.has_result = result->kind != Kind::none;
  if (made.has_result) made.result = result;
  const btf_param* parameters = btf_params(prototype);
  for (uint32_t i = 0; i < btf_vlen(prototype); ++i) {
    Type type = type_of(unit, types, parameters[i].type);
    if (!type || type->kind == Kind::none) return false;
    made.parameters.push_back({btf__name_by_offset(types, parameters[i].name_off), object.import, type});
  }
  return true;
}

}  // namespace

void compile_functions(Unit& unit, Diagnostics& diagnostics, Span import, const std::string& path) {
  std::vector<std::string> words = command_line(unit, path);
  for (std::string_view compiler : compilers) {
    words[0] = compiler;
    Result<ProgramOutput> ran = unit.host->run(words, largest_object);
    if (!ran && ran.error().code == ENOENT) continue;
    if (!ran) {
      diagnostics.report<Diag::import_failed>(import, ran.error().text());
      return;
    }
    while (ran->errors.ends_with('\n')) ran->errors.pop_back();
    if (ran->status != 0) {
      diagnostics.report<Diag::import_failed>(import, fmt::format("'{}' does not compile:\n{}", path, ran->errors));
      return;
    }
    unit.objects.push_back({import, path, artifact::Bytes(ran->output.begin(), ran->output.end())});
    return;
  }
  diagnostics.report<Diag::import_failed>(import, fmt::format("cannot import '{}': there is no Clang that compiles the functions in it", path))
      .hint("install it (on Debian: apt install clang-19), or write the functions in the script: fn name($x: int64) : int64 { ... }");
}

void declare_c_functions(Unit& unit, Diagnostics& diagnostics) {
  for (const ImportedObject& object : unit.objects) {
    Result<MemoryFile> file = MemoryFile::create("awl", object.bytes);
    BtfPtr types(file ? btf__parse_elf(file->path().c_str(), nullptr) : nullptr);
    if (!types) {
      diagnostics.report<Diag::import_failed>(object.import, fmt::format("cannot read the types of the functions in '{}'", object.path));
      continue;
    }
    for (uint32_t id = 1; id < btf__type_cnt(types.get()); ++id) {
      const btf_type* t = btf__type_by_id(types.get(), id);
      // The linkage of a function stands where others count their members (linux/btf.h).
      if (!btf_is_func(t) || btf_vlen(t) != BTF_FUNC_GLOBAL) continue;
      FunctionInstance made{.name = btf__name_by_offset(types.get(), t->name_off)};
      if (!declare(unit, types.get(), t, object, made)) continue;
      auto before = std::ranges::find(unit.functions, made.name, &FunctionInstance::name);
      if (find_builtin(made.name)) diagnostics.report<Diag::function_builtin>(object.import, made.name).hint("choose another name, or make it static");
      else if (before != unit.functions.end()) diagnostics.report<Diag::function_twice>(object.import, made.name).note(before->name_span, "first defined here");
      else unit.functions.push_back(std::move(made));
    }
  }
}

}  // namespace awl
