#include "codegen/llvm_object.h"

#include <linux/bpf.h>
#include <linux/btf.h>
#include <llvm/IR/Constants.h>

#include <algorithm>

#include "probes/btf_lookup.h"

namespace awl::codegen {

using artifact::Storage;

namespace {

// Different stacks between two looks of the run side, which takes them out several times a second. Memory for all is taken when the map is made:
// kernels before 6.1 refuse other maps to perf events.
// Stacks that wait to be read (runtime/stacks.h): memory of the kernel for them, and how many at least, whatever their size.
constexpr uint64_t stacks_bytes = 16u << 20;
constexpr uint64_t fewest_stacks = 4096, most_stacks = 65536;
constexpr uint32_t default_ring_bytes = 4 << 20;  // the run side sets its own size before load

uint64_t align8(uint64_t n) { return (n + 7) / 8 * 8; }

bool asks_kernel(const artifact::Meta& meta) {
  return std::ranges::any_of(meta.params, [](const artifact::Param& p) { return p.kind == artifact::ParamKind::kernel_fact; });
}

}  // namespace

struct Object::MapShape {
  bpf_map_type type{};
  uint32_t max_entries = 1;
  llvm::DIType* key = nullptr;
  llvm::DIType* value = nullptr;
  uint32_t flags = 0;
};

Object::Object(const Unit& u, StackLimits stack_limits)
    : unit(u), meta(u.meta), limits(stack_limits), module(u.meta.source_name, context), debug(module, *u.sources, u.meta.source_name), core(module, debug),
      fixed(u.options.runs_here && !asks_kernel(u.meta)) {
  core.questions = asks_kernel(meta);
  // The BPF backend makes .BTF from the debug information; naming a debug format it has no writer for keeps DWARF out.
  module.addModuleFlag(llvm::Module::Warning, "CodeView", 1);
  module.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
  module.setTargetTriple("bpfel");
  for (size_t i = 0; i < meta.maps.size(); ++i) map(static_cast<int32_t>(i));
  if (!meta.sites.empty()) named_map(artifact::events_map);
  if (meta.globals_size > 0) global(0);
}

uint32_t Object::kernel_function(const std::string& name) {
  if (!fixed) return 0;
  auto [known, fresh] = kernel_functions_.try_emplace(name, 0);
  if (!fresh) return known->second;
  auto types = unit.host->kernel_btf();
  return known->second = types ? find_named(*types, name, BTF_KIND_FUNC, *unit.host) : 0;
}

llvm::GlobalVariable* Object::make_global(const std::string& name, llvm::Constant* value, bool constant, const char* section, llvm::DIType* type) {
  auto* variable = llvm::cast<llvm::GlobalVariable>(module.getOrInsertGlobal(name, value->getType()));
  variable->setInitializer(value);
  variable->setConstant(constant);
  variable->setAlignment(llvm::Align(8));
  variable->setSection(section);
  if (type) debug.describe(*variable, type);
  return variable;
}

// A map definition as libbpf reads it from BTF: numbers are array bounds behind pointers.
llvm::GlobalVariable* Object::make_map(const std::string& name, const MapShape& shape) {
  auto number = [&](uint64_t n) { return debug.pointer(debug.array(debug.integer(4, true), 4, n)); };
  std::vector<DebugMember> members = {{"type", number(shape.type)}, {"max_entries", number(shape.max_entries)}};
  if (shape.flags) members.push_back({"map_flags", number(shape.flags)});
  if (shape.key) members.push_back({"key", debug.pointer(shape.key)});
  if (shape.value) members.push_back({"value", debug.pointer(shape.value)});
  for (size_t i = 0; i < members.size(); ++i) {
    members[i].offset = i * 64;
    members[i].size = 64;
  }
  std::vector<llvm::Type*> pointers(members.size(), llvm::PointerType::get(context, 0));
  llvm::Constant* empty = llvm::Constant::getNullValue(llvm::StructType::get(context, pointers));
  return make_global(name, empty, false, ".maps", debug.structure("", members, members.size() * 8));
}

llvm::GlobalVariable* Object::map(int32_t index) {
  const artifact::Map& m = meta.maps.at(static_cast<size_t>(index));
  if (m.storage == Storage::global) return nullptr;
  llvm::GlobalVariable*& known = maps_[m.elf_name];
  if (known) return known;
  MapShape shape{.max_entries = std::max(m.max_entries, 1u), .value = debug.value(m.value)};
  if (m.storage == Storage::percpu_slot) {
    shape.type = BPF_MAP_TYPE_PERCPU_ARRAY;
    shape.key = debug.integer(4, false);
    shape.max_entries = artifact::slot_pieces(m);
    if (shape.max_entries > 1) shape.value = debug.array(debug.integer(8, false), 8, artifact::slot_piece / 8);
  } else {
    auto info = unit.maps.find(m.name);
    const MapKind& kind = info == unit.maps.end() ? usual_map_kind(artifact::is_percpu(m.storage)) : kind_of(info->second);
    shape.type = kind.type;
    shape.flags = kind.flags;
    if (m.storage == Storage::object) {
      shape.key = debug.integer(4, true);  // for who reads it: a descriptor of the object
      shape.max_entries = 0;
    } else if (m.storage == Storage::bloom) shape.value = debug.value(m.key.at(0));
    else if (m.storage != Storage::queue) shape.key = debug.value(m.key.at(0));
  }
  return known = make_map(m.elf_name, shape);
}

llvm::GlobalVariable* Object::named_map(std::string_view name) {
  if (name == artifact::scratch_map) return placeholder(scratch_variable_, "awl_scratch");
  if (auto known = maps_.find(name); known != maps_.end()) return known->second;
  if (name == artifact::stacks_map) return maps_[std::string(name)] = make_stacks_map();
  if (name == artifact::packets_map) {  // the run side makes it as large as there are CPUs
    MapShape packets{.type = BPF_MAP_TYPE_PERF_EVENT_ARRAY, .key = debug.integer(4, true), .value = debug.integer(4, false)};
    return maps_[std::string(name)] = make_map(std::string(name), packets);
  }
  if (name == artifact::places_map) {
    MapShape shape{.type = BPF_MAP_TYPE_ARRAY, .key = debug.integer(4, false), .value = debug.array(debug.integer(8, false), 8, sizeof(artifact::PlaceRow) / 8)};
    return maps_[std::string(name)] = make_map(std::string(name), shape);
  }
  if (name == artifact::unwind_processes || name == artifact::unwind_rows || name == artifact::unwind_rules) return maps_[std::string(name)] = make_unwind_map(std::string(name));
  MapShape shape{.type = BPF_MAP_TYPE_RINGBUF, .max_entries = default_ring_bytes};
  return maps_[std::string(name)] = make_map(std::string(name), shape);
}

llvm::GlobalVariable* Object::make_stacks_map() {
  llvm::DIType *u64 = debug.integer(8, false), *u32 = debug.integer(4, false);
  uint64_t words = unit.types.stack_room() / 8;
  uint32_t entries = static_cast<uint32_t>(std::clamp(stacks_bytes / std::max<uint64_t>(words * 8, 1), fewest_stacks, most_stacks));
  MapShape shape{.type = BPF_MAP_TYPE_HASH, .max_entries = entries, .key = debug.structure("", {{"hash", u64, 0, 64}, {"frames", u32, 64, 32}, {"frame_bytes", u32, 96, 32}}, 16), .value = debug.array(u64, 8, words)};
  return make_map(std::string(artifact::stacks_map), shape);
}

// The run side makes them as large as the tables are.
llvm::GlobalVariable* Object::make_unwind_map(const std::string& name) {
  using namespace artifact;
  auto words = [&](size_t bytes) { return debug.array(debug.integer(8, false), 8, bytes / 8); };
  MapShape shape{.type = BPF_MAP_TYPE_ARRAY, .key = debug.integer(4, false), .value = words(sizeof(UnwindRow)), .flags = BPF_F_MMAPABLE};
  if (name == unwind_rules) {
    shape.value = words(sizeof(UnwindRule));
    shape.max_entries = most_unwind_rules;
  } else if (name == unwind_processes) {
    shape.type = BPF_MAP_TYPE_HASH;
    shape.value = words(8 + unwind_ranges * sizeof(UnwindRange));
    shape.flags = 0;
  }
  return make_map(name, shape);
}

// A stand-in until settle() knows size and contents.
llvm::GlobalVariable* Object::placeholder(llvm::GlobalVariable*& variable, const char* name) {
  if (!variable) variable = llvm::cast<llvm::GlobalVariable>(module.getOrInsertGlobal(std::string("placeholder.") + name, llvm::Type::getInt8Ty(context)));
  return variable;
}

void Object::settle(llvm::GlobalVariable*& variable, const char* name, llvm::Constant* value, const char* section) {
  uint64_t size = module.getDataLayout().getTypeAllocSize(value->getType());
  llvm::GlobalVariable* real = make_global(name, value, std::string_view(section) == ".rodata", section, debug.array(debug.integer(1, false), 1, size));
  if (variable) {
    variable->replaceAllUsesWith(real);
    variable->eraseFromParent();
  }
  variable = real;
}

namespace {

llvm::Constant* at_offset(llvm::GlobalVariable* variable, uint64_t offset) {
  if (offset == 0) return variable;
  llvm::LLVMContext& context = variable->getContext();
  llvm::Constant* index = llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), offset);
  return llvm::ConstantExpr::getGetElementPtr(llvm::Type::getInt8Ty(context), variable, index);
}

}  // namespace

llvm::Constant* Object::string(std::string_view data) {
  auto [known, fresh] = string_offsets_.try_emplace(std::string(data), static_cast<uint32_t>(align8(strings_.size())));
  if (fresh) {
    strings_.resize(known->second);
    strings_ += data;
  }
  return at_offset(placeholder(strings_variable_, "awl_strings"), known->second);
}

llvm::Constant* Object::zeros(uint32_t size) {
  zeros_size_ = std::max(zeros_size_, size);
  return placeholder(zeros_variable_, "awl_zeros");
}

llvm::Constant* Object::global(uint64_t offset) { return at_offset(placeholder(globals_variable_, "awl_globals"), offset); }

llvm::Constant* Object::param(uint32_t index) { return at_offset(placeholder(params_variable_, "awl_params"), meta.params.at(index).offset); }

uint32_t Object::feature_param(std::string_view name) {
  uint32_t end = 0;
  for (size_t i = 0; i < meta.params.size(); ++i) {
    const artifact::Param& p = meta.params[i];
    if (p.kind == artifact::ParamKind::feature && p.name == name) return static_cast<uint32_t>(i);
    end = std::max(end, p.offset + p.size);
  }
  meta.params.push_back({.kind = artifact::ParamKind::feature, .name = std::string(name), .offset = static_cast<uint32_t>(align8(end)), .size = 8});
  return static_cast<uint32_t>(meta.params.size() - 1);
}

void Object::make_scratch_map() {
  llvm::DIType* byte = debug.integer(1, false);
  std::vector<DebugMember> members = {{"busy", debug.integer(8, false), 0, 64}, {"bytes", debug.array(byte, 1, scratch_size), 64, scratch_size * 8ull}};
  MapShape shape{.type = BPF_MAP_TYPE_PERCPU_ARRAY, .max_entries = scratch_areas, .key = debug.integer(4, false), .value = debug.structure("", members, scratch_size + 8ull)};
  llvm::GlobalVariable* real = make_map(std::string(artifact::scratch_map), shape);
  scratch_variable_->replaceAllUsesWith(real);
  scratch_variable_->eraseFromParent();
}

void Object::make_section(const std::string& name, const char* section, llvm::ArrayRef<uint8_t> bytes) {
  llvm::GlobalVariable* variable = make_global(name, llvm::ConstantDataArray::get(context, bytes), true, section, nullptr);
  variable->setAlignment(llvm::Align(1));
  variable->setLinkage(llvm::GlobalValue::InternalLinkage);  // linkers of BPF objects want types of what has a name outside
}

void Object::finish() {
  llvm::Type* byte = llvm::Type::getInt8Ty(context);
  auto zero_bytes = [&](uint64_t size) { return llvm::Constant::getNullValue(llvm::ArrayType::get(byte, size)); };
  if (scratch_variable_) make_scratch_map();
  if (!meta.params.empty()) {
    uint64_t size = 8;
    for (const artifact::Param& p : meta.params) size = std::max<uint64_t>(size, align8(p.offset + p.size));
    settle(params_variable_, "awl_params", zero_bytes(size), ".rodata");
    // Its contents are set before load: the optimiser must not fold the zeros.
    params_variable_->setExternallyInitialized(true);
  }
  if (globals_variable_) settle(globals_variable_, "awl_globals", zero_bytes(std::max<uint64_t>(meta.globals_size, 8)), ".bss");
  if (strings_variable_) {
    strings_.resize(align8(strings_.size()) + 8);
    settle(strings_variable_, "awl_strings", llvm::ConstantDataArray::getString(context, strings_, false), ".rodata");
  }
  if (zeros_variable_) settle(zeros_variable_, "awl_zeros", zero_bytes(align8(zeros_size_)), ".rodata");
  core.finish();
  artifact::Bytes license(unit.config.license.begin(), unit.config.license.end());
  license.push_back(0);
  make_section("awl_license", "license", license);
  artifact::Bytes encoded = artifact::encode(meta);
  make_section("awl_meta", ".awl.meta", encoded);
  debug.finish();
}

void Object::drop_unused() {
  for (llvm::GlobalVariable* variable : {strings_variable_, zeros_variable_}) {
    if (!variable) continue;
    variable->removeDeadConstantUsers();
    if (!variable->use_empty()) continue;
    (variable == strings_variable_ ? strings_variable_ : zeros_variable_) = nullptr;
    variable->eraseFromParent();
  }
  for (llvm::Function& function : llvm::make_early_inc_range(module))  // libbpf wants a type for each that is named
    if (function.isDeclaration() && function.use_empty()) function.eraseFromParent();
}

}  // namespace awl::codegen
