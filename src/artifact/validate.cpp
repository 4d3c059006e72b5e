#include "artifact/validate.h"

#include <algorithm>

#include "artifact/enum_names.h"

namespace awl::artifact {
namespace {

bool is_aggregation(Kind kind) { return kind >= Kind::count && kind <= Kind::tseries; }

template <typename... Args>
Result<> wrong(std::string_view place, fmt::format_string<Args...> format, Args&&... args) {
  return fail(0, "{}: {}", place, fmt::format(format, std::forward<Args>(args)...));
}

// Bytes that a value of a kind has at least, as schema.h lays it out.
uint64_t least_size(const Type& type) {
  switch (type.kind) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::enumeration:
      return 1;
    case Kind::pointer:
    case Kind::ksym:
    case Kind::username:
    case Kind::probe:
    case Kind::count:
    case Kind::tseries:
      return 8;
    case Kind::buffer:
      return 4;
    case Kind::kstack:
    case Kind::ustack:
    case Kind::usym:
    case Kind::timestamp:
    case Kind::cgroup_path:
    case Kind::sum:
    case Kind::min:
    case Kind::max:
    case Kind::avg:
    case Kind::stats:
      return 16;
    case Kind::inet:
    case Kind::cidr:
      return 20;
    case Kind::macaddr:
      return 6;
    case Kind::hist:
    case Kind::lhist:
      return 8;
    case Kind::none:
    case Kind::string:
    case Kind::array:
    case Kind::tuple:
    case Kind::record:
    case Kind::structure:
      return 0;
  }
  return 0;
}

Result<> check_type(const Type& type, const std::string& place, uint32_t depth, bool may_aggregate);

Result<> check_element(const Element& element, uint64_t room, const std::string& place, uint32_t depth) {
  if (element.type.size() != 1) return wrong(place, "has {} types instead of one", element.type.size());
  const Type& type = element.type[0];
  uint64_t bytes = type.size;
  if (element.bit_size != 0) {
    if (element.bit_size > 64) return wrong(place, "bit-field of {} bits", element.bit_size);
    bytes = (uint64_t{element.bit_offset} + element.bit_size + 7) / 8;
  }
  if (element.offset + bytes > room)
    return wrong(place, "bytes {} to {} lie outside of the {} bytes around it", element.offset, element.offset + bytes, room);
  return check_type(type, place, depth + 1, false);
}

Result<> check_type(const Type& type, const std::string& place, uint32_t depth, bool may_aggregate) {
  if (depth > max_type_depth) return wrong(place, "types are nested deeper than {}", max_type_depth);
  if (type.size > max_value_size) return wrong(place, "value of {} bytes", type.size);
  if (is_aggregation(type.kind) && !may_aggregate) return wrong(place, "{} stands where only plain values may", enum_name(type.kind));
  if (type.size < least_size(type)) return wrong(place, "{} of {} bytes, needs {}", enum_name(type.kind), type.size, least_size(type));
  const bool number = type.kind == Kind::integer || type.kind == Kind::enumeration || type.kind == Kind::boolean;
  if (number && type.size != 1 && type.size != 2 && type.size != 4 && type.size != 8)
    return wrong(place, "{} of {} bytes", enum_name(type.kind), type.size);
  if (type.kind == Kind::array) {
    if (type.elements.size() != 1) return wrong(place, "array with {} element types", type.elements.size());
    // Of an array without elements (the last member of many structures) nothing is read.
    AWL_CHECK(check_element(type.elements[0], type.count == 0 ? max_value_size : type.size, place + ".elements[0]", depth));
    const uint64_t stride = type.elements[0].type[0].size;
    if (type.elements[0].offset != 0 || type.elements[0].bit_size != 0) return wrong(place, "array elements do not start at 0");
    if (stride * type.count > type.size || (stride == 0 && type.count > 65536))
      return wrong(place, "{} elements of {} bytes do not fit {} bytes", type.count, stride, type.size);
    return {};
  }
  const bool compound = type.kind == Kind::tuple || type.kind == Kind::record || type.kind == Kind::structure;
  if (!compound && !type.elements.empty()) return wrong(place, "{} with elements", enum_name(type.kind));
  for (size_t i = 0; i < type.elements.size(); ++i)
    AWL_CHECK(check_element(type.elements[i], type.size, fmt::format("{}.elements[{}]", place, i), depth));
  return {};
}

Result<> check_histogram(const Map& map, const std::string& place) {
  const HistogramShape& shape = map.histogram;
  if (map.value.kind == Kind::hist && (shape.bits > 5 || shape.step != 0)) return wrong(place, "histogram with {} bits", shape.bits);
  if (map.value.kind == Kind::lhist && (shape.step <= 0 || shape.max <= shape.min))
    return wrong(place, "linear histogram from {} to {} in steps of {}", shape.min, shape.max, shape.step);
  if (shape.buckets == 0 || shape.buckets != bucket_count(shape))
    return wrong(place, "{} buckets, its shape has {}", shape.buckets, bucket_count(shape));
  if (map.value.size < 8ULL * shape.buckets) return wrong(place, "{} buckets in {} bytes", shape.buckets, map.value.size);
  return {};
}

Result<> check_series(const Map& map, const std::string& place) {
  const HistogramShape& shape = map.histogram;
  if (shape.step <= 0 || shape.bits > static_cast<uint32_t>(SeriesFunction::sum)) return wrong(place, "series of {} ns by function {}", shape.step, shape.bits);
  if (shape.buckets == 0 || map.value.size != 24ULL * shape.buckets) return wrong(place, "{} intervals in {} bytes", shape.buckets, map.value.size);
  return {};
}

Result<> check_map(const Map& map, const Meta& meta, const std::string& place) {
  if (map.name.empty() || map.name[0] != '@') return wrong(place, "name '{}' is not that of a map", map.name);
  if (map.key.size() > 1) return wrong(place, "has {} keys instead of one", map.key.size());
  for (const Type& key : map.key) {
    AWL_CHECK(check_type(key, place + ".key", 0, false));
    if (key.size == 0) return wrong(place, "key of no bytes");
  }
  AWL_CHECK(check_type(map.value, place + ".value", 0, true));
  const bool keyed = is_keyed(map.storage), percpu = is_percpu(map.storage);
  if (keyed == map.key.empty()) return wrong(place, "storage '{}' {} a key", enum_name(map.storage), keyed ? "without" : "with");
  if (is_array(map.storage) && (map.key[0].kind != Kind::integer || map.key[0].size != 4)) return wrong(place, "an array with keys that are no indices");
  if (!map.pin.empty() && !is_pin_name(map.pin)) return wrong(place, "pin '{}' is no name of a file", map.pin);
  if (percpu != is_aggregation(map.value.kind))
    return wrong(place, "storage '{}' with values of kind '{}'", enum_name(map.storage), enum_name(map.value.kind));
  if (map.storage != Storage::global) {
    if (map.elf_name.empty()) return wrong(place, "has no BPF map");
    if (map.value.size == 0) return wrong(place, "value of no bytes");
  } else if (map.offset > meta.globals_size || map.value.size > meta.globals_size - map.offset || map.set_offset > meta.globals_size ||
             8 > meta.globals_size - map.set_offset) {
    return wrong(place, "lies outside of the {} bytes of globals", meta.globals_size);
  }
  if (map.value.kind == Kind::tseries) return check_series(map, place);
  if (map.value.kind == Kind::hist || map.value.kind == Kind::lhist) return check_histogram(map, place);
  return {};
}

Result<> check_site(const Site& site, const Meta& meta, const std::string& place) {
  if (site.payload > max_payload) return wrong(place, "payload of {} bytes", site.payload);
  for (size_t i = 0; i < site.args.size(); ++i)
    AWL_CHECK(check_element(site.args[i], site.payload, fmt::format("{}.args[{}]", place, i), 0));
  if (site.map < -1 || (site.map >= 0 && static_cast<size_t>(site.map) >= meta.maps.size()))
    return wrong(place, "map {} of {}", site.map, meta.maps.size());
  if (site.action == Action::store && (site.map < 0 || site.args.size() != 2)) return wrong(place, "store without a map, a key and a value");
  const bool needs_map = site.action == Action::print_map || site.action == Action::clear || site.action == Action::zero;
  if (needs_map && site.map < 0) return wrong(place, "{} without a map", enum_name(site.action));
  if (site.action == Action::watch && site.payload != watch_payload) return wrong(place, "watch with a payload of {} bytes", site.payload);
  if (site.action == Action::runtime_error && site.payload != 0 && site.payload < 8)
    return wrong(place, "runtime_error with a payload of {} bytes", site.payload);
  return {};
}

Result<> check_param(const Param& param, const std::string& place) {
  if (param.offset > max_payload || param.size > max_payload) return wrong(place, "{} bytes at {}", param.size, param.offset);
  const bool text = param.kind == ParamKind::positional_text || param.kind == ParamKind::option_text;
  if (text ? param.size == 0 : param.size != 8) return wrong(place, "{} of {} bytes", enum_name(param.kind), param.size);
  return {};
}

Result<> check_load(const Load& load, const Meta& meta, const std::string& place) {
  if (load.map >= meta.maps.size()) return wrong(place, "map {} of {}", load.map, meta.maps.size());
  const Map& map = meta.maps[load.map];
  if (map.storage == Storage::global || map.storage == Storage::object || map.storage == Storage::sockets || is_percpu(map.storage)) return wrong(place, "{} cannot be filled", map.name);
  if (!std::ranges::all_of(map.key, is_readable) || (map.storage != Storage::bloom && !is_readable(map.value))) return wrong(place, "{} has types that cannot be read from a file", map.name);
  return {};
}

template <typename T>
Result<> check_rows(const std::vector<T>& rows, std::string_view name) {
  if (rows.size() > max_table_rows) return wrong(name, "{} entries, at most {} are possible", rows.size(), max_table_rows);
  return {};
}

}  // namespace

uint64_t bucket_count(const HistogramShape& shape) {
  if (shape.step > 0 && shape.max > shape.min) {
    const uint64_t steps = (static_cast<uint64_t>(shape.max) - static_cast<uint64_t>(shape.min)) / static_cast<uint64_t>(shape.step);
    return steps < UINT32_MAX ? steps + 2 : 0;
  }
  if (shape.bits > 5) return 0;
  return 1 + (1ULL << (shape.bits + 1)) + ((63 - (shape.bits + 1ULL)) << shape.bits);
}

bool is_pin_name(std::string_view name) {
  auto usual = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= max_pin_name && std::ranges::all_of(name, usual);
}

bool is_readable(const Type& type) {
  switch (type.kind) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::enumeration:
    case Kind::string:
    case Kind::inet:
    case Kind::macaddr:
    case Kind::cidr: return type.size > 0;
    case Kind::array: {
      const bool bytes = type.elements.size() == 1 && type.elements[0].type.size() == 1 && type.elements[0].type[0].kind == Kind::integer && type.elements[0].type[0].size == 1;
      return bytes && (type.size == 4 || type.size == 16);
    }
    case Kind::tuple: return !type.elements.empty() && std::ranges::all_of(type.elements, [](const Element& e) { return e.type.size() == 1 && is_readable(e.type[0]); });
    default: return false;
  }
}

Result<> validate(const Meta& meta) {
  AWL_CHECK(check_rows(meta.programs, "programs"));
  AWL_CHECK(check_rows(meta.maps, "maps"));
  AWL_CHECK(check_rows(meta.loads, "loads"));
  AWL_CHECK(check_rows(meta.sites, "sites"));
  AWL_CHECK(check_rows(meta.params, "params"));
  AWL_CHECK(check_rows(meta.sends, "sends"));
  AWL_CHECK(check_rows(meta.strings, "strings"));
  AWL_CHECK(check_rows(meta.probe_names, "probe_names"));
  if (meta.globals_size > max_value_size) return wrong("globals_size", "{} bytes", meta.globals_size);
  for (size_t i = 0; i < meta.programs.size(); ++i) {
    const Program& program = meta.programs[i];
    if (program.elf_name.empty() || program.provider.empty()) return wrong(fmt::format("programs[{}]", i), "has no name or no provider");
  }
  for (size_t i = 0; i < meta.maps.size(); ++i) AWL_CHECK(check_map(meta.maps[i], meta, fmt::format("maps[{}]", i)));
  for (size_t i = 0; i < meta.loads.size(); ++i) AWL_CHECK(check_load(meta.loads[i], meta, fmt::format("loads[{}]", i)));
  for (size_t i = 0; i < meta.sites.size(); ++i) AWL_CHECK(check_site(meta.sites[i], meta, fmt::format("sites[{}]", i)));
  for (size_t i = 0; i < meta.params.size(); ++i) AWL_CHECK(check_param(meta.params[i], fmt::format("params[{}]", i)));
  for (size_t i = 0; i < meta.sends.size(); ++i)
    if (meta.sends[i].program >= meta.programs.size()) return wrong(fmt::format("sends[{}]", i), "program {} of {}", meta.sends[i].program, meta.programs.size());
  if (!meta.sites.empty() && meta.lost_offset + 8ULL * meta.programs.size() > meta.globals_size)
    return wrong("lost_offset", "the counters of {} programs lie outside of the {} bytes of globals", meta.programs.size(),
                 meta.globals_size);
  return {};
}

}  // namespace awl::artifact
