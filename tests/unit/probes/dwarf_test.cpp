#include "probes/dwarf.h"

#include <elf.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace awl {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string samples = AWL_DWARF_SAMPLES;

// A sample stopped at the first instruction of one of its functions: reads parameters from where DwarfFile says they are.
class Stopped {
 public:
  Stopped(const std::string& program, uint64_t address) {
    child_ = fork();
    if (child_ == 0) {
      personality(ADDR_NO_RANDOMIZE);
      ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      execl(program.c_str(), program.c_str(), nullptr);
      _exit(127);
    }
    int status = 0;
    waitpid(child_, &status, 0);
    uint64_t at = address + bias(program);
    long code = ptrace(PTRACE_PEEKTEXT, child_, at, nullptr);
    ptrace(PTRACE_POKETEXT, child_, at, (code & ~0xffl) | 0xcc);
    ptrace(PTRACE_CONT, child_, nullptr, nullptr);
    waitpid(child_, &status, 0);
    user_regs_struct registers{};
    ptrace(PTRACE_GETREGS, child_, nullptr, &registers);
    std::memcpy(registers_.data(), &registers, sizeof registers);
    stopped = WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP && registers.rip == at + 1;
  }
  Stopped(const Stopped&) = delete;
  ~Stopped() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  bool stopped = false;

  // user_regs_struct is laid out as struct pt_regs.
  uint64_t at_register(uint32_t offset) const {
    uint64_t value = 0;
    std::memcpy(&value, registers_.data() + offset, sizeof value);
    return value;
  }
  uint64_t memory(uint64_t address) const { return static_cast<uint64_t>(ptrace(PTRACE_PEEKDATA, child_, address, nullptr)); }
  uint64_t word(const DwarfPlace& place, unsigned index = 0) const {
    if (place.kind == DwarfPlace::Kind::registers) return at_register(place.registers.at(index));
    if (place.kind == DwarfPlace::Kind::stack) return memory(at_register(152) + place.stack_offset + 8 * index);
    return 0xdead;
  }

 private:
  uint64_t bias(const std::string& program) const {
    std::ifstream maps("/proc/" + std::to_string(child_) + "/maps");
    uint64_t start = 0;
    maps >> std::hex >> start;
    std::ifstream file(program, std::ios::binary);
    Elf64_Ehdr header{};
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    return header.e_type == ET_DYN ? start : 0;
  }
  pid_t child_ = -1;
  std::array<char, sizeof(user_regs_struct)> registers_{};
};

struct Programs : testing::TestWithParam<std::string> {
  std::string path;
  std::shared_ptr<DwarfFile> file;
  // The function of a sample; stops the test when it is not found.
  DwarfFunction find(const std::string& language, const std::string& name) {
    path = samples + "/" + language + "-" + GetParam();
    auto opened = DwarfFile::open(path);
    if (!opened) throw std::runtime_error(opened.error().text());
    file = *opened;
    auto f = file->function(name, std::nullopt);
    if (!f) throw std::runtime_error(f.error().text());
    return *f;
  }
};
INSTANTIATE_TEST_SUITE_P(Dwarf, Programs,
                         testing::Values("O0-dwarf4-pie", "O0-dwarf5-pie", "O2-dwarf4-pie", "O2-dwarf5-pie", "O0-dwarf4-no-pie", "O0-dwarf5-no-pie", "O2-dwarf4-no-pie", "O2-dwarf5-no-pie", "O0-other", "O2-other"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::erase(name, '-');
                           return name;
                         });

const DwarfParameter& parameter(const DwarfFunction& f, std::string_view name) {
  static const DwarfParameter none;
  for (const DwarfParameter& p : f.parameters)
    if (p.name == name) return p;
  ADD_FAILURE() << "no parameter " << name;
  return none;
}

const DwarfMember& member(const DwarfType& t, std::string_view name) {
  static const DwarfMember none;
  for (const DwarfMember& m : t.members)
    if (m.name == name) return m;
  ADD_FAILURE() << "no member " << name;
  return none;
}

TEST_P(Programs, IntegersInRegistersAndOnTheStack) {
  DwarfFunction f = find("c", "integers");
  ASSERT_EQ(f.parameters.size(), 8u);
  Stopped program(path, f.address);
  ASSERT_TRUE(program.stopped);
  EXPECT_EQ(static_cast<char>(program.word(parameter(f, "a").place)), 'a');
  EXPECT_EQ(static_cast<short>(program.word(parameter(f, "b").place)), -2);
  EXPECT_EQ(static_cast<unsigned>(program.word(parameter(f, "c").place)), 3u);
  EXPECT_EQ(static_cast<long>(program.word(parameter(f, "d").place)), -4);
  uint64_t text = program.memory(program.word(parameter(f, "e").place));
  EXPECT_EQ(std::memcmp(&text, "five", 4), 0);
  EXPECT_EQ(static_cast<int>(program.word(parameter(f, "f").place)), -1);
  EXPECT_EQ(parameter(f, "seventh").place.kind, DwarfPlace::Kind::stack);
  EXPECT_EQ(program.word(parameter(f, "seventh").place), 7u);
  EXPECT_EQ(program.word(parameter(f, "eighth").place) & 0xff, 1u);
  EXPECT_EQ(file->type(f.result).kind, DwarfType::Kind::none);
}

// The first questions are answered by reading entries, later ones out of a table.
TEST_P(Programs, ManyQuestionsHaveTheAnswersOfTheFirst) {
  const DwarfFunction wanted = find("c", "integers"), other = find("c", "floats");
  for (int round = 0; round < 20; ++round) {
    auto f = file->function("integers", wanted.address);
    ASSERT_TRUE(f) << f.error().text();
    EXPECT_EQ(f->address, wanted.address);
    EXPECT_EQ(f->parameters.size(), 8u);
    auto second = file->function("floats", other.address);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->parameters.size(), other.parameters.size());
    EXPECT_FALSE(file->function("integers", wanted.address + 1));
  }
}

TEST_P(Programs, FloatsAreRefusedAndDoNotShiftOthers) {
  DwarfFunction f = find("c", "floats");
  Stopped program(path, f.address);
  ASSERT_TRUE(program.stopped);
  EXPECT_EQ(parameter(f, "a").place.kind, DwarfPlace::Kind::refused);
  EXPECT_THAT(parameter(f, "c").place.reason, HasSubstr("floating-point"));
  EXPECT_EQ(static_cast<int>(program.word(parameter(f, "b").place)), 2);
  EXPECT_EQ(static_cast<int>(program.word(parameter(f, "d").place)), 4);
}

TEST_P(Programs, SmallStructuresByValue) {
  DwarfFunction f = find("c", "structures");
  Stopped program(path, f.address);
  ASSERT_TRUE(program.stopped);
  EXPECT_EQ(program.word(parameter(f, "p").place), uint64_t{12} << 32 | 11);
  ASSERT_EQ(parameter(f, "q").place.registers.size(), 2u);
  EXPECT_EQ(program.word(parameter(f, "q").place, 0), 13u);
  EXPECT_EQ(program.word(parameter(f, "q").place, 1), 14u);
  EXPECT_EQ(parameter(f, "m").place.kind, DwarfPlace::Kind::refused);
  EXPECT_EQ(static_cast<int>(program.word(parameter(f, "last").place)), 16);
}

TEST_P(Programs, LargeAndPackedStructuresInMemory) {
  DwarfFunction f = find("c", "in_memory");
  Stopped program(path, f.address);
  ASSERT_TRUE(program.stopped);
  uint64_t text = program.word(parameter(f, "b").place);
  EXPECT_EQ(std::memcmp(&text, "big", 4), 0);
  EXPECT_EQ(static_cast<int>(program.word(parameter(f, "i").place)), 21);
  EXPECT_EQ(program.word(parameter(f, "t").place) & 0xffffffffff, uint64_t{22} << 8 | 't');
  EXPECT_EQ(parameter(f, "l").place.kind, DwarfPlace::Kind::stack);
  EXPECT_EQ(program.word(parameter(f, "l").place), uint64_t{0xb800} << 48);  // the mantissa of 23
  EXPECT_EQ(static_cast<int>(program.word(parameter(f, "j").place)), 24);
}

TEST_P(Programs, AResultInMemoryTakesTheFirstRegister) {
  DwarfFunction f = find("c", "returned");
  Stopped program(path, f.address);
  ASSERT_TRUE(program.stopped);
  EXPECT_EQ(static_cast<int>(program.word(parameter(f, "a").place)), 31);
  EXPECT_EQ(static_cast<int>(program.word(parameter(f, "b").place)), 32);
  EXPECT_EQ(file->type(f.result).size, 40u);
}

TEST_P(Programs, WideIntegersTakeTwoRegistersOrNone) {
  DwarfFunction f = find("c", "wide");
  Stopped program(path, f.address);
  ASSERT_TRUE(program.stopped);
  int value = 41;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) EXPECT_EQ(static_cast<int>(program.word(parameter(f, name).place)), value++) << name;
}

TEST_P(Programs, TypesOfStructures) {
  DwarfFunction f = find("c", "task_state");
  EXPECT_FALSE(file->type(f.result).is_signed);
  EXPECT_EQ(file->type(f.result).size, 8u);
  DwarfType pointer = file->type(parameter(f, "task").type);
  ASSERT_EQ(pointer.kind, DwarfType::Kind::pointer);
  DwarfType task = file->type(pointer.element);
  EXPECT_EQ(task.name, "task");
  EXPECT_EQ(task.size, 96u);
  EXPECT_EQ(file->type(member(task, "name").type).counts, std::vector<uint64_t>{16});
  EXPECT_EQ(member(task, "state").bit_offset, 128u);
  EXPECT_EQ(member(task, "state").bit_size, 3u);
  EXPECT_EQ(member(task, "level").bit_offset, 131u);
  EXPECT_TRUE(file->type(member(task, "level").type).is_signed);
  EXPECT_EQ(member(task, "whole").bit_offset, 24u * 8);
  EXPECT_EQ(member(task, "high").bit_offset, 28u * 8);
  DwarfType grid = file->type(member(task, "grid").type);
  EXPECT_THAT(grid.counts, ElementsAre(2, 3));
  EXPECT_EQ(file->type(grid.element).size, 2u);
  EXPECT_EQ(file->type(file->type(member(task, "next").type).element).name, "task");
  EXPECT_EQ(file->type(file->type(member(task, "call").type).element).kind, DwarfType::Kind::none);
  DwarfType colour = file->type(member(task, "colour").type);
  EXPECT_EQ(colour.kind, DwarfType::Kind::enumeration);
  EXPECT_TRUE(colour.is_signed);
  ASSERT_EQ(colour.enumerators.size(), 3u);
  EXPECT_EQ(colour.enumerators[1], (std::pair<std::string, uint64_t>{"green", 5}));
  EXPECT_EQ(file->type(member(task, "real").type).kind, DwarfType::Kind::floating);
  EXPECT_EQ(file->type(member(task, "flag").type).kind, DwarfType::Kind::boolean);
  EXPECT_THAT(file->type(member(task, "tail").type).counts, ElementsAre(0));
}

TEST_P(Programs, MembersOfBasesAreFlattened) {
  DwarfFunction f = find("cxx", "_ZN6shapes5shape4areaEiRKNS_4baseE");
  ASSERT_EQ(f.parameters.size(), 3u);
  EXPECT_EQ(f.parameters[0].name, "this");
  DwarfType shape = file->type(file->type(f.parameters[0].type).element);
  EXPECT_EQ(shape.name, "shape");
  EXPECT_EQ(std::ranges::count_if(shape.members, [](const DwarfMember& m) { return m.name.starts_with("_vptr"); }), 1);
  EXPECT_GT(member(shape, "id").bit_offset, member(shape, "name").bit_offset);
  EXPECT_EQ(std::ranges::count(shape.members, "shared", &DwarfMember::name), 1);  // its own hides the base's
  EXPECT_EQ(file->type(member(shape, "shared").type).size, 8u);
  EXPECT_EQ(std::ranges::count(shape.members, "count", &DwarfMember::name), 0);  // static
  DwarfType what = file->type(member(shape, "what").type);
  EXPECT_EQ(what.size, 1u);
  EXPECT_EQ(what.enumerators.size(), 2u);
  Stopped program(path, f.address);
  ASSERT_TRUE(program.stopped);
  EXPECT_EQ(static_cast<int>(program.word(f.parameters[1].place)), 2);
  EXPECT_EQ(static_cast<int>(program.memory(program.word(f.parameters[2].place))), 4);
  EXPECT_EQ(static_cast<int>(program.memory(program.word(f.parameters[0].place) + member(shape, "id").bit_offset / 8)), 3);
}

TEST_P(Programs, ClassesPassedByAddress) {
  DwarfFunction take = find("cxx", "take_owner");
  EXPECT_TRUE(parameter(take, "o").by_reference);
  Stopped program(path, take.address);
  ASSERT_TRUE(program.stopped);
  EXPECT_EQ(program.memory(program.word(parameter(take, "o").place)), 61u);
  EXPECT_EQ(static_cast<int>(program.word(parameter(take, "after").place)), 62);
  DwarfFunction copy = find("cxx", "take_copied");
  Stopped other(path, copy.address);
  ASSERT_TRUE(other.stopped);
  EXPECT_EQ(other.memory(other.word(parameter(copy, "c").place)), 71u);
  EXPECT_FALSE(parameter(copy, "p").by_reference);
  EXPECT_EQ(other.word(parameter(copy, "p").place), 72u);
  EXPECT_EQ(other.memory(other.word(parameter(copy, "h").place)), 73u);
  EXPECT_EQ(static_cast<int>(other.word(parameter(copy, "after").place)), 74);
  DwarfFunction make = find("cxx", "make_owner");
  Stopped maker(path, make.address);
  ASSERT_TRUE(maker.stopped);
  EXPECT_EQ(static_cast<int>(maker.word(parameter(make, "v").place)), 63);
}

TEST_P(Programs, ReferencesTemplatesAndOddTypes) {
  DwarfFunction box = find("cxx", "take_box");
  Stopped program(path, box.address);
  ASSERT_TRUE(program.stopped);
  EXPECT_EQ(file->type(parameter(box, "b").type).kind, DwarfType::Kind::pointer);
  EXPECT_EQ(file->type(file->type(parameter(box, "b").type).element).name, "box<int>");
  EXPECT_EQ(static_cast<int>(program.memory(program.word(parameter(box, "b").place))), 65);
  EXPECT_EQ(program.memory(program.word(parameter(box, "r").place)), 66u);
  DwarfFunction empty = find("cxx", "take_empty");
  Stopped other(path, empty.address);
  ASSERT_TRUE(other.stopped);
  EXPECT_EQ(static_cast<int>(other.word(parameter(empty, "after").place)), 64);
  DwarfFunction opaque = find("cxx", "take_opaque");
  Stopped third(path, opaque.address);
  ASSERT_TRUE(third.stopped);
  EXPECT_EQ(third.word(parameter(opaque, "m").place), 4u);
  EXPECT_EQ(static_cast<unsigned char>(third.word(parameter(opaque, "k").place)), 2u);
  EXPECT_TRUE(file->type(file->type(parameter(opaque, "o").type).element).members.empty());
}

TEST_P(Programs, FunctionsByAddress) {
  DwarfFunction named = find("c", "hidden");
  auto found = file->function("other name", named.address);
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(parameter(*found, "value").place.registers, std::vector<uint32_t>{112});
  auto nowhere = file->function("nosuch", 1);
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().text(), HasSubstr("does not describe the function 'nosuch'"));
}

uint32_t marked_line(std::string_view mark) {
  std::ifstream source(fs::path(AWL_DWARF_SOURCES) / "sample.c");
  std::string line;
  for (uint32_t number = 1; std::getline(source, line); ++number)
    if (line.ends_with(mark)) return number;
  return 0;
}

TEST_P(Programs, AddressesOfLines) {
  DwarfFunction f = find("c", "lines");
  auto inside = file->address_of_line("sample.c", marked_line("// LINE inside"));
  ASSERT_TRUE(inside) << inside.error().text();
  ASSERT_EQ(inside->size(), 1u);
  EXPECT_GT(inside->front(), f.address);
  EXPECT_TRUE(Stopped(path, inside->front()).stopped);
  EXPECT_TRUE(file->address_of_line("dwarf/sample.c", marked_line("// LINE inside")));
  auto none = file->address_of_line("sample.c", 2);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text(), HasSubstr("sample.c:2 has no code"));
  EXPECT_THAT(none.error().hint, HasSubstr("have code"));
  auto other = file->address_of_line("ample.c", 5);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().text(), HasSubstr("was not made from a source file 'ample.c'"));
}

struct Separate : testing::Test {
  fs::path folder = fs::temp_directory_path() / ("awl-dwarf-" + std::to_string(getpid()));
  Separate() { fs::create_directories(folder); }
  ~Separate() override { fs::remove_all(folder); }
  void expect_parameters(const Result<std::shared_ptr<DwarfFile>>& file) {
    ASSERT_TRUE(file) << file.error().text();
    auto f = (*file)->function("integers", std::nullopt);
    ASSERT_TRUE(f) << f.error().text();
    EXPECT_EQ(f->parameters.size(), 8u);
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(in)), {});
  }
};

TEST_F(Separate, ByLinkBesideTheBinary) {
  fs::copy(samples + "/linked", folder / "program");
  fs::copy(samples + "/linked.debug", folder / "linked.debug");
  auto file = DwarfFile::open(folder / "program");
  expect_parameters(file);
  EXPECT_EQ((*file)->debug_path(), folder / "linked.debug");
  EXPECT_EQ((*file)->path(), folder / "program");
}

TEST_F(Separate, ByLinkInItsDebugFolder) {
  fs::create_directories(folder / ".debug");
  fs::copy(samples + "/linked", folder / "program");
  fs::copy(samples + "/linked.debug", folder / ".debug/linked.debug");
  expect_parameters(DwarfFile::open(folder / "program"));
}

TEST_F(Separate, NothingFound) {
  auto file = DwarfFile::open(samples + "/bare");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().text(), "no debuginfo found for " + samples + "/bare");
  EXPECT_THAT(file.error().hint, HasSubstr("--debuginfo"));
}

TEST_F(Separate, ByBuildIdInGivenFolders) {
  // The note with the build ID: sizes of name and content, type 3, "GNU", 20 bytes.
  const std::string bytes = read(samples + "/bare");
  size_t note = bytes.find(std::string("\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0", 16));
  ASSERT_NE(note, bytes.npos);
  std::string id;
  for (unsigned i = 0; i < 20; ++i) id += fmt::format("{:02x}", static_cast<unsigned char>(bytes[note + 16 + i]));
  fs::path place = folder / "debug/.build-id" / id.substr(0, 2);
  fs::create_directories(place);
  fs::copy(samples + "/linked.debug", place / (id.substr(2) + ".debug"));
  std::string given[] = {folder / "nowhere", folder / "debug"};
  expect_parameters(DwarfFile::open(samples + "/bare", given));
  // Relative to the binary.
  fs::copy(samples + "/bare", folder / "bare");
  std::string relative[] = {"debug"};
  expect_parameters(DwarfFile::open(folder / "bare", relative));
  // Another program's file under the right name does not count.
  fs::remove(place / (id.substr(2) + ".debug"));
  fs::copy(samples + "/c-O0-dwarf4-pie", place / (id.substr(2) + ".debug"));
  EXPECT_FALSE(DwarfFile::open(samples + "/bare", given));
}

TEST_F(Separate, ChecksumsAreCheckedWhenAskedFor) {
  fs::copy(samples + "/linked", folder / "program");
  fs::create_directories(folder / "debug");
  std::ofstream(folder / "debug/linked.debug", std::ios::binary) << read(samples + "/linked.debug") << "more";
  std::string lenient[] = {folder / "debug"}, strict[] = {"+" + (folder / "debug").string()};
  EXPECT_TRUE(DwarfFile::open(folder / "program", lenient));
  EXPECT_FALSE(DwarfFile::open(folder / "program", strict));
}

// Reads all there is to read, so that broken bytes meet every reader.
void read_everything(const std::string& path) {
  auto file = DwarfFile::open(path);
  if (!file) return;
  for (const char* name : {"integers", "structures", "task_state", "in_memory", "take_box", "_ZN6shapes5shape4areaEiRKNS_4baseE"}) {
    auto f = (*file)->function(name, std::nullopt);
    if (!f) continue;
    for (const DwarfParameter& p : f->parameters) {
      DwarfType pointee = (*file)->type((*file)->type(p.type).element);
      for (const DwarfMember& m : pointee.members) (*file)->type((*file)->type(m.type).element);
    }
  }
  (void)(*file)->function("other", 0x1139);
  (void)(*file)->address_of_line("sample.c", 60);
}

TEST_F(Separate, BrokenFilesDoNotCrash) {
  std::mt19937 random(7);
  for (const char* name : {"c-O2-dwarf5-pie", "c-O0-dwarf4-pie", "cxx-O0-dwarf5-pie"}) {
    const std::string whole = read(samples + "/" + name);
    // Debug sections are in the last two thirds of these files.
    const size_t from = whole.size() / 3;
    for (unsigned round = 0; round < 150; ++round) {
      std::string broken = whole;
      for (unsigned i = 0; i < 1 + round % 40; ++i) broken[from + random() % (broken.size() - from)] = static_cast<char>(random());
      if (round % 10 == 0) broken.resize(random() % broken.size());
      std::ofstream(folder / "broken", std::ios::binary) << broken;
      read_everything(folder / "broken");
    }
  }
  EXPECT_FALSE(DwarfFile::open(folder / "nosuch"));
  EXPECT_FALSE(DwarfFile::open("/etc/passwd"));
  EXPECT_FALSE(DwarfFile::open("/"));
}

}  // namespace
}  // namespace awl
