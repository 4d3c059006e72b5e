// Meta to CBOR and back, and to JSON. One description of each struct's members (`fields`) serves all three. A member that is
// zero, empty or false is left out; unknown members are skipped when read, so that later versions may add some.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifact/artifact.h"
#include "artifact/enum_names.h"
#include "artifact/validate.h"

namespace awl::artifact {
namespace {

using Json = nlohmann::json;

template <typename V>
void fields(V& v, Enumerator& e) {
  v("name", e.name);
  v("value", e.value);
}
template <typename V>
void fields(V& v, Element& e) {
  v("name", e.name);
  v("offset", e.offset);
  v("type", e.type);
  v("bit_offset", e.bit_offset);
  v("bit_size", e.bit_size);
}
template <typename V>
void fields(V& v, Type& t) {
  v("kind", t.kind);
  v("size", t.size);
  v("signed", t.is_signed);
  v("count", t.count);
  v("stack_mode", t.stack_mode);
  v("elements", t.elements);
  v("enumerators", t.enumerators);
  v("truncatable", t.truncatable);
}
template <typename V>
void fields(V& v, HistogramShape& s) {
  v("bits", s.bits);
  v("min", s.min);
  v("max", s.max);
  v("step", s.step);
  v("buckets", s.buckets);
}
template <typename V>
void fields(V& v, Map& m) {
  v("name", m.name);
  v("elf_name", m.elf_name);
  v("storage", m.storage);
  v("max_entries", m.max_entries);
  v("default_size", m.default_size);
  v("offset", m.offset);
  v("set_offset", m.set_offset);
  v("key", m.key);
  v("value", m.value);
  v("histogram", m.histogram);
  v("print_at_exit", m.print_at_exit);
  v("pin", m.pin);
}
template <typename V>
void fields(V& v, Load& l) {
  v("map", l.map);
  v("path", l.path);
  v("parameter", l.parameter);
  v("place", l.place);
}
template <typename V>
void fields(V& v, Site& s) {
  v("action", s.action);
  v("text", s.text);
  v("args", s.args);
  v("payload", s.payload);
  v("map", s.map);
  v("top", s.top);
  v("div", s.div);
  v("helper", s.helper);
  v("line", s.line);
  v("column", s.column);
  v("column_end", s.column_end);
  v("source_line", s.source_line);
}
template <typename V>
void fields(V& v, Program& p) {
  v("elf_name", p.elf_name);
  v("provider", p.provider);
  v("target", p.target);
  v("probe", p.probe);
  v("per_target", p.per_target);
  v("place", p.place);
  v("uses_places", p.uses_places);
  v("group", p.group);
  v("rank", p.rank);
  v("session", p.session);
  v("also", p.also);
}
template <typename V>
void fields(V& v, Param& p) {
  v("kind", p.kind);
  v("name", p.name);
  v("index", p.index);
  v("offset", p.offset);
  v("size", p.size);
  v("text", p.text);
  v("description", p.description);
}
template <typename V>
void fields(V& v, Need& n) {
  v("feature", n.feature);
  v("construct", n.construct);
  v("place", n.place);
  v("source_line", n.source_line);
}
template <typename V>
void fields(V& v, Send& s) {
  v("program", s.program);
  v("packet", s.packet);
  v("place", s.place);
}
template <typename V>
void fields(V& v, Setting& s) {
  v("name", s.name);
  v("value", s.value);
}
template <typename V>
void fields(V& v, Meta& m) {
  v("format", m.format);
  v("required", m.required);
  v("source_name", m.source_name);
  v("arch", m.arch);
  v("programs", m.programs);
  v("maps", m.maps);
  v("loads", m.loads);
  v("sites", m.sites);
  v("params", m.params);
  v("needs", m.needs);
  v("sends", m.sends);
  v("strings", m.strings);
  v("settings", m.settings);
  v("probe_names", m.probe_names);
  v("needs_unsafe", m.needs_unsafe);
  v("lost_offset", m.lost_offset);
  v("globals_size", m.globals_size);
}

// Fills a JSON object. `names`: enumerators as names, for people; else as numbers.
struct Writer {
  bool names = false;
  Json object = Json::object();

  template <typename T>
  Json value(const T& member) const {
    if constexpr (std::is_enum_v<T>) {
      if (names) return std::string(enum_name(member));
      return static_cast<unsigned>(member);
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return member;
    } else {
      Writer inner{names};
      fields(inner, const_cast<T&>(member));
      return std::move(inner.object);
    }
  }
  template <typename T>
  Json value(const std::vector<T>& list) const {
    Json array = Json::array();
    for (const T& item : list) array.push_back(value(item));
    return array;
  }
  template <typename T>
  void operator()(const char* key, const T& member) {
    Json made = value(member);
    const bool blank = made.empty() || (made.is_boolean() && made == false) || (made.is_number_unsigned() && made == 0u) ||
                       (made.is_number_integer() && made == 0) || (made.is_string() && made.get_ref<const std::string&>().empty());
    if (!blank) object[key] = std::move(made);
  }
};

// Reads a JSON object into a struct; the first mistake ends it. How deep it recurses DepthLimit has bounded.
struct Reader {
  const Json* object;
  std::string place;
  std::string error = {};

  bool failed() const { return !error.empty(); }
  void complain(const std::string& where, std::string_view what) {
    if (error.empty()) error = fmt::format("{}: {}", where.empty() ? "the whole" : where, what);
  }
  template <typename T>
  void number(const Json& from, T& to, const std::string& where) {
    bool fits = false;
    if (from.is_number_unsigned()) {
      const auto n = from.get<uint64_t>();
      if ((fits = std::in_range<T>(n))) to = static_cast<T>(n);
    } else if (from.is_number_integer()) {
      const auto n = from.get<int64_t>();
      if ((fits = std::in_range<T>(n))) to = static_cast<T>(n);
    }
    if (!fits)
      complain(where, fmt::format("expected a number of {} {} bytes, found {}", sizeof(T), std::is_signed_v<T> ? "signed" : "unsigned",
                                  from.type_name()));
  }
  template <typename T>
  void read(const Json& from, T& to, const std::string& where) {
    if (failed()) return;
    if constexpr (std::is_same_v<T, bool>) {
      if (from.is_boolean())
        to = from.get<bool>();
      else
        complain(where, fmt::format("expected true or false, found {}", from.type_name()));
    } else if constexpr (std::is_enum_v<T>) {
      uint32_t n = 0;
      number(from, n, where);
      if (n >= enum_names(T{}).size()) complain(where, fmt::format("{} is not known to this version", n));
      to = static_cast<T>(n);
    } else if constexpr (std::is_arithmetic_v<T>) {
      number(from, to, where);
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (from.is_string())
        to = from.get_ref<const std::string&>();
      else
        complain(where, fmt::format("expected a text, found {}", from.type_name()));
    } else {
      if (!from.is_object()) return complain(where, fmt::format("expected a table, found {}", from.type_name()));
      Reader inner{&from, where};
      fields(inner, to);
      if (inner.failed()) error = std::move(inner.error);
    }
  }
  template <typename T>
  void read(const Json& from, std::vector<T>& to, const std::string& where) {
    if (failed()) return;
    if (!from.is_array()) return complain(where, fmt::format("expected a list, found {}", from.type_name()));
    if (from.size() > max_table_rows)
      return complain(where, fmt::format("{} entries, at most {} are possible", from.size(), max_table_rows));
    to.resize(from.size());
    for (size_t i = 0; i < from.size() && !failed(); ++i) read(from[i], to[i], fmt::format("{}[{}]", where, i));
  }
  template <typename T>
  void operator()(const char* key, T& member) {
    if (failed()) return;
    const auto found = object->find(key);
    if (found == object->end()) {
      member = T{};
      return;
    }
    read(*found, member, place.empty() ? std::string(key) : place + "." + key);
  }
};

// Accepts what nests no deeper than a Meta can; nlohmann's reader recurses, and would end the process on a hostile input.
struct DepthLimit final : nlohmann::json_sax<Json> {
  static constexpr int limit = 160;
  int depth = 0;
  bool too_deep = false;
  bool enter() {
    too_deep |= ++depth >= limit;
    return !too_deep;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return enter(); }
  bool key(string_t&) override { return true; }
  bool end_object() override { return --depth, true; }
  bool start_array(size_t) override { return enter(); }
  bool end_array() override { return --depth, true; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }
};

constexpr std::string_view damaged_hint = "the file is damaged or was not made by awl: build it again with `awl build`";

Result<Meta> decode_checked(std::span<const uint8_t> bytes) {
  DepthLimit limit;
  Json json = Json::value_t::discarded;
  if (Json::sax_parse(bytes.begin(), bytes.end(), &limit, Json::input_format_t::cbor))
    json = Json::from_cbor(bytes.begin(), bytes.end(), true, false);
  if (limit.too_deep) return fail_text(0, "the description of the program is nested too deep", std::string(damaged_hint));
  if (!json.is_object())
    return fail_text(0, "the description of the program is not readable (no valid CBOR table)", std::string(damaged_hint));

  Meta meta;
  Reader numbers{&json, ""};
  numbers("format", meta.format);
  if (numbers.failed() || meta.format == 0)
    return fail_text(0, "the description of the program has no format number", std::string(damaged_hint));
  if (meta.format > format_number)
    return fail_text(0, fmt::format("the object has format {}, this awl knows formats up to {}", meta.format, format_number),
                     "use a newer awl, or build it again with this one");
  Reader reader{&json, ""};
  fields(reader, meta);
  if (reader.failed()) return fail_text(0, "in the description of the program: " + reader.error, std::string(damaged_hint));
  for (const std::string& feature : meta.required)
    if (std::ranges::find(known_features, feature) == std::end(known_features))
      return fail_text(0, fmt::format("the object needs feature '{}', which this awl does not have", feature),
                       "use a newer awl, or build it again with this one");
  if (auto valid = validate(meta); !valid) {
    Error error = std::move(valid).error();
    error.hint = damaged_hint;
    return std::unexpected(std::move(error).context("in the description of the program"));
  }
  return meta;
}

}  // namespace

Bytes encode(const Meta& meta) {
  const Writer writer;
  return Json::to_cbor(writer.value(meta));
}

Result<Meta> decode(std::span<const uint8_t> bytes) {
  if (bytes.size() > max_meta_bytes)
    return fail_text(0, fmt::format("the description of the program has {} bytes, at most {} are possible", bytes.size(), max_meta_bytes),
                     std::string(damaged_hint));
  try {
    return decode_checked(bytes);
  } catch (const std::exception& problem) {  // memory, or what the library thinks of
    return fail_text(0, fmt::format("the description of the program is not readable: {}", problem.what()), std::string(damaged_hint));
  }
}

std::string print_json(const Artifact& artifact) {
  const Writer writer{true};
  Json json = writer.value(artifact.meta);
  json["object_bytes"] = artifact.object.size();
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace awl::artifact
