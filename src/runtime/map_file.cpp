#include "runtime/map_file.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/fd.h"
#include "base/number.h"
#include "base/prefix.h"

namespace awl {
namespace {

using artifact::Kind;
using artifact::Map;
using artifact::Storage;
using artifact::Type;

constexpr size_t largest_file = 256u << 20;
constexpr size_t shown_length = 60;  // of what messages quote

// What is wrong with a line.
struct Mistake {
  std::string text;
};
template <typename T = void>
using Read = std::expected<T, Mistake>;

std::unexpected<Mistake> expected(std::string_view what, std::string_view seen) {
  const std::string_view shown = seen.substr(0, shown_length);
  return std::unexpected(Mistake{fmt::format("expected {}, found {:?}{}", what, shown, shown.size() < seen.size() ? "..." : "")});
}

// A part of a key or value that is no tuple, and where it lies.
struct Part {
  const Type* type = nullptr;
  uint32_t offset = 0;
  bool interface = false;  // a number that may be written as the name of a network interface
};

void collect_parts(const Type& type, uint32_t offset, std::vector<Part>& parts) {
  if (type.kind != Kind::tuple) return parts.push_back({&type, offset});
  for (const artifact::Element& element : type.elements) collect_parts(element.type.at(0), offset + element.offset, parts);
}

// ---- parts ----

std::optional<uint64_t> ipv4_in_memory_order(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return uint64_t{address.s_addr};
}

Read<uint64_t> read_integer(const Type& type, const std::string& text) {
  const auto number = read_number(text);
  if (!number && number.error() != std::errc::result_out_of_range) {
    if (type.size >= 4)
      if (std::optional<uint64_t> address = ipv4_in_memory_order(text)) return *address;
    return expected(type.size >= 4 ? "a number or an IPv4 address" : "a number", text);
  }
  const unsigned bits = 8 * type.size;
  const auto fits = [&](const WrittenNumber& n) {
    const uint64_t most = type.is_signed ? (uint64_t{1} << (bits - 1)) - !n.negative : bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1;
    return n.magnitude <= most && (!n.negative || !n.magnitude || type.is_signed);
  };
  if (!number || !fits(*number)) return expected(fmt::format("a number that {} bits {} sign hold", bits, type.is_signed ? "with" : "without"), text);
  return number->value();
}

Read<uint64_t> read_boolean(const std::string& text) {
  if (text == "true" || text == "1") return 1;
  if (text == "false" || text == "0") return 0;
  return expected("true or false", text);
}

Read<uint64_t> read_enumerator(const Type& type, const std::string& text) {
  auto known = std::ranges::find(type.enumerators, text, &artifact::Enumerator::name);
  if (known != type.enumerators.end()) return known->value;
  return read_integer(type, text);
}

Read<> read_address(const std::string& text, int family, uint8_t* to) {
  if (inet_pton(family, text.c_str(), to) == 1) return {};
  return expected(family == AF_INET ? "an IPv4 address" : "an IPv6 address", text);
}

// u32 family, 16 bytes of address
Read<> read_inet(const std::string& text, uint8_t* to) {
  for (uint32_t family : {AF_INET, AF_INET6}) {
    if (inet_pton(static_cast<int>(family), text.c_str(), to + 4) != 1) continue;
    memcpy(to, &family, sizeof family);
    return {};
  }
  return expected("an address", text);
}

Read<> read_hardware_address(const std::string& text, uint8_t* to) {
  constexpr size_t bytes = 6;
  bool good = text.size() == 3 * bytes - 1;
  for (size_t i = 0; good && i < bytes; ++i) {
    const char* at = text.data() + 3 * i;
    auto [stop, error] = std::from_chars(at, at + 2, to[i], 16);
    good = error == std::errc() && stop == at + 2 && (i + 1 == bytes || at[2] == ':');
  }
  if (!good) return expected("a hardware address such as 02:00:00:00:00:01", text);
  return {};
}

Read<> read_part(const Part& part, const std::string& text, uint8_t* to) {
  const Type& type = *part.type;
  if (const uint32_t index = part.interface ? if_nametoindex(text.c_str()) : 0) {
    memcpy(to, &index, sizeof index);
    return {};
  }
  auto scalar = [&](Read<uint64_t> number) -> Read<> {
    if (!number) return std::unexpected(std::move(number.error()));
    memcpy(to, &*number, type.size);
    return {};
  };
  switch (type.kind) {
    case Kind::integer: {
      Read<uint64_t> number = read_integer(type, text);
      if (!number && part.interface) return expected("a network interface or a number", text);
      return scalar(std::move(number));
    }
    case Kind::boolean: return scalar(read_boolean(text));
    case Kind::enumeration: return scalar(read_enumerator(type, text));
    case Kind::string:
      if (text.size() >= type.size) return expected(fmt::format("a string of at most {} bytes", type.size - 1), text);
      memcpy(to, text.data(), text.size());
      return {};
    case Kind::inet: return read_inet(text, to);
    case Kind::macaddr: return read_hardware_address(text, to);
    case Kind::array: return read_address(text, type.size == 4 ? AF_INET : AF_INET6, to);
    case Kind::cidr: {
      auto prefix = parse_prefix(text);
      if (!prefix) return expected(fmt::format("a prefix of addresses such as 10.0.0.0/8 ({})", prefix.error()), text);
      memcpy(to, prefix->data(), prefix->size());
      return {};
    }
    default: return std::unexpected(Mistake{"such values cannot be read from a file"});
  }
}

// ---- lines ----

// The words of a line, each with what follows it.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) { skip_blanks(); }
  bool at_end() const { return rest_.empty() || rest_.front() == '#'; }
  std::string_view rest() const { return rest_; }

  Read<std::string> word() {
    if (rest_.starts_with('"')) return quoted();
    const size_t end = std::min(rest_.find_first_of(" \t\r,"), rest_.size());
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    skip_blanks();
    return out;
  }
  bool comma() {
    if (!rest_.starts_with(',')) return false;
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }

 private:
  Read<std::string> quoted() {
    std::string out;
    for (size_t i = 1; i < rest_.size(); ++i) {
      char c = rest_[i];
      if (c == '"') {
        rest_.remove_prefix(i + 1);
        skip_blanks();
        return out;
      }
      if (c == '\\' && i + 1 < rest_.size()) {
        c = rest_[++i];
        if (c == 'n') c = '\n';
        else if (c == 't') c = '\t';
        else if (c != '"' && c != '\\') return std::unexpected(Mistake{fmt::format("'\\{}' is not known in a string: there are \\\" \\\\ \\n \\t", c)});
      }
      out += c;
    }
    return std::unexpected(Mistake{"the string has no closing '\"'"});
  }
  void skip_blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r"), rest_.size())); }
  std::string_view rest_;
};

// Reads the lines of one map.
class Reader {
 public:
  explicit Reader(const Map& map) : key_size_(map.key.empty() ? 0 : map.key[0].size), value_size_(map.storage == Storage::bloom ? 0 : map.value.size) {
    if (!map.key.empty()) collect_parts(map.key[0], 0, key_);
    if (value_size_) collect_parts(map.value, 0, value_);
    for (Part& part : value_) part.interface = map.storage == Storage::redirect;
  }

  Read<> line(std::string_view text, uint32_t number, MapElements& to) {
    if (text.find('\0') != text.npos) return std::unexpected(Mistake{"the line holds a NUL byte: this is no text"});
    Line words(text);
    if (words.at_end()) return {};
    const size_t keys = to.keys.size(), values = to.values.size();
    to.keys.resize(keys + key_size_);
    to.values.resize(values + value_size_);
    if (Read<> done = parts(words, key_, to.keys.data() + keys, "key"); !done) return done;
    if (!key_.empty() && value_size_ && words.at_end()) {
      if (Read<> done = left_out(to.values.data() + values); !done) return done;
    } else if (Read<> done = parts(words, value_, to.values.data() + values, "value"); !done) {
      return done;
    }
    if (!words.at_end()) return expected("the end of the line", words.rest());
    to.lines.push_back(number);
    return {};
  }

 private:
  static Read<> parts(Line& words, const std::vector<Part>& parts, uint8_t* to, std::string_view what) {
    for (size_t i = 0; i < parts.size(); ++i) {
      const bool first = i == 0;
      if ((!first && !words.comma()) || words.at_end())
        return std::unexpected(Mistake{first ? fmt::format("the {} is missing", what) : fmt::format("the {} has {} parts with commas between, found {}", what, parts.size(), i)});
      Read<std::string> word = words.word();
      if (!word) return std::unexpected(std::move(word.error()));
      if (Read<> done = read_part(parts[i], *word, to + parts[i].offset); !done) return done;
    }
    return {};
  }

  Read<> left_out(uint8_t* to) const {
    const Type& type = *value_.front().type;
    if (value_.size() != 1 || (type.kind != Kind::integer && type.kind != Kind::boolean)) return std::unexpected(Mistake{"the value is missing"});
    to[value_.front().offset] = 1;
    return {};
  }

  std::vector<Part> key_, value_;
  uint32_t key_size_, value_size_;
};

// Errors of one element or of many.
std::unexpected<Error> refused(int code, const Map& map, const MapElements& elements, size_t which, std::string_view file) {
  const uint32_t line = elements.lines[std::min(which, elements.count() - 1)];
  if ((code == E2BIG || code == ENOSPC) && artifact::is_array(map.storage))
    return fail_text(0, fmt::format("{}:{}: {} has the indices 0 to {}", file, line, map.name, map.max_entries - 1), "declare it larger, or leave the line out");
  if (code == E2BIG || code == ENOSPC)
    return fail_text(0, fmt::format("{}:{}: {} is full: it has room for {} elements", file, line, map.name, map.max_entries),
                     fmt::format("the file has {} elements: declare the map for as many, for example let {} = hash({})", elements.count(), map.name, elements.count()));
  return fail(code, "{}:{}: the kernel refuses the element of {}", file, line, map.name);
}

}  // namespace

Result<MapElements> parse_elements(const Map& map, std::string_view text, std::string_view file) {
  MapElements elements;
  Reader reader(map);
  uint32_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (Read<> done = reader.line(text.substr(0, end), ++number, elements); !done)
      return fail_text(0, fmt::format("{}:{}: {}", file, number, done.error().text), fmt::format("a line of the file for {} is KEY VALUE, with commas between the parts of a key or value", map.name));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return elements;
}

Result<std::string> read_map_file(const std::string& path, bool privileged) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return fail(errno, "cannot open '{}'", path);
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail(errno, "cannot look at '{}'", path);
  if (!S_ISREG(status.st_mode)) return fail(0, "'{}' is not a regular file", path);
  if (privileged && status.st_mode & S_IWOTH)
    return fail_text(0, fmt::format("'{}' can be written by anybody: it is not used by a privileged program", path), fmt::format("take the permission away: chmod o-w {}", path));
  if (static_cast<uint64_t>(status.st_size) > largest_file) return fail(0, "'{}' has {} bytes, at most {} are possible", path, status.st_size, largest_file);
  std::string text(static_cast<size_t>(status.st_size), '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(errno, "cannot read '{}'", path);
    if (got == 0) break;  // it became shorter meanwhile
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

Result<> store_elements(int fd, const Map& map, const MapElements& elements, std::string_view file) {
  constexpr size_t batch = 4096;
  const size_t count = elements.count();
  if (count == 0) return {};
  const size_t key_size = elements.keys.size() / count, value_size = elements.values.size() / count;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  size_t done = 0;
  for (bool batches = key_size && value_size; batches && done < count;) {
    auto some = static_cast<uint32_t>(std::min(batch, count - done));
    if (bpf_map_update_batch(fd, &elements.keys[done * key_size], &elements.values[done * value_size], &some, &options) != 0) {
      if (errno == E2BIG || errno == ENOSPC) return refused(errno, map, elements, done + some, file);
      batches = false;  // kinds and kernels that have none take them one by one
      some = 0;
    }
    done += some;
  }
  for (; done < count; ++done) {
    const uint8_t *key = key_size ? &elements.keys[done * key_size] : nullptr, *value = value_size ? &elements.values[done * value_size] : nullptr;
    // Of a bloom filter, what is added are values without keys for the kernel.
    if (bpf_map_update_elem(fd, value_size ? key : nullptr, value_size ? value : key, BPF_ANY) != 0) return refused(errno, map, elements, done, file);
  }
  return {};
}

Result<> fill_maps(const artifact::Meta& meta, std::span<const MapHandle> maps, const SessionOptions& options) {
  for (const artifact::Load& load : meta.loads) {
    const MapHandle& handle = maps[load.map];
    std::string path = (std::filesystem::path(options.folder) / load.path).string();
    if (load.parameter > options.parameters.size())
      return fail_text(0, fmt::format("{}: the file for {} is the positional parameter ${}, which is not given", load.place, handle.map->name, load.parameter), "give it behind the program, or behind --");
    if (load.parameter) path = options.parameters[load.parameter - 1];
    auto fill = [&]() -> Result<> {
      AWL_TRY(text, read_map_file(path, geteuid() == 0));
      AWL_TRY(elements, parse_elements(*handle.map, text, path));
      return store_elements(handle.fd, *handle.map, elements, path);
    };
    if (Result<> filled = fill(); !filled) return std::unexpected(std::move(filled.error()).context(load.place));
  }
  return {};
}

}  // namespace awl
