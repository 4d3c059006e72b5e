#pragma once
// CO-RE relocations: values that libbpf puts in when it knows the running kernel's layouts.
//
// Each value is a load from an external variable `llvm.TYPE:KIND:IMM$ACCESS` with the attribute btf_ama, which the BPF backend
// turns into an immediate with a relocation record (LLVM's own front ends reach the same through preserve_access_index, by
// passes that this does without). TYPE is a local structure with only the members that are used, at made-up offsets, and a
// flavour suffix that libbpf ignores when it looks for the kernel's type; IMM is the value for this local layout, which libbpf checks.
#include <llvm/IR/IRBuilder.h>

#include <deque>
#include <map>

#include "codegen/llvm_debug.h"
#include "types/type.h"

namespace awl::codegen {

// Numbers of enum bpf_core_relo_kind (linux/bpf.h).
enum class CoreKind : uint8_t { byte_offset = 0, byte_size = 1, field_exists = 2, left_shift = 4, right_shift = 5, type_id = 7, type_size = 9 };

struct CoreField {
  std::string member;
  Type type = nullptr;     // null: a u64
  uint32_t bit_size = 0;   // 0: not a bit-field
  int array_index = -1;    // an element of the member, which then is an array of u64
};

class Core {
 public:
  Core(llvm::Module& module, Debug& debug) : module_(module), debug_(debug) {}
  Core(const Core&) = delete;

  // The script asks the kernel what it has. A value that stands behind such a question must not be moved in front of it, as out of a loop: where the
  // kernel lacks the field the instruction that libbpf puts in is refused.
  bool questions = false;

  // A relocated value as i64. `structure` is a C name without "struct"; `field` is not used by type_size and type_id.
  llvm::Value* value(llvm::IRBuilderBase& ir, const std::string& structure, bool is_union, CoreKind kind, const CoreField& field);
  // A number that is the same for equal relocations.
  uint32_t number(llvm::Value* value) const;
  // Whether a value is a shift distance that libbpf puts in: always below 64.
  static bool is_shift(const llvm::Value* value);
  // Names the variables and describes the local types; nothing may be asked for afterwards.
  void finish();

 private:
  struct Local {
    std::string name;
    bool is_union = false;
    std::vector<DebugMember> members;
    std::vector<uint32_t> element_sizes;  // bytes of each member's type (of a bit-field: of its container)
    std::map<std::string, uint32_t> index;
    uint64_t size = 0;
  };
  struct Use {
    llvm::GlobalVariable* variable = nullptr;
    Local* local = nullptr;
    CoreKind kind{};
    uint32_t member = 0;
    int array_index = -1;
  };

  uint32_t local_member(Local& local, const CoreField& field);
  llvm::DIType* member_type(Type type, uint32_t& size);
  static uint64_t local_value(const Use& use);

  llvm::Module& module_;
  Debug& debug_;
  std::map<std::string, Local> locals_;
  std::deque<Use> uses_;
  std::map<std::string, uint32_t> known_;  // key of a use -> its place in uses_
};

}  // namespace awl::codegen
