#include "artifact/artifact.h"
#include "artifact/enum_names.h"

namespace awl::artifact {
namespace {

std::string type_text(const Type& type) {
  switch (type.kind) {
    case Kind::integer:
      return fmt::format("{}int{}", type.is_signed ? "" : "u", 8 * type.size);
    case Kind::string:
      return fmt::format("string[{}]", type.size);
    case Kind::buffer:
      return fmt::format("buffer[{}]", type.size < 4 ? 0 : type.size - 4);
    case Kind::array:
      return fmt::format("{}[{}]", type.elements.empty() || type.elements[0].type.empty() ? "?" : type_text(type.elements[0].type[0]),
                         type.count);
    case Kind::tuple:
    case Kind::record: {
      std::string text = "(";
      for (const Element& element : type.elements) {
        if (text.size() > 1) text += ", ";
        if (!element.name.empty()) text += element.name + "=";
        text += element.type.empty() ? "?" : type_text(element.type[0]);
      }
      return text + ")";
    }
    case Kind::kstack:
    case Kind::ustack:
      return fmt::format("{}[{}, {}]", enum_name(type.kind), type.count, enum_name(type.stack_mode));
    case Kind::structure:
      return fmt::format("structure[{}]", type.size);
    default:
      return std::string(enum_name(type.kind));
  }
}

// A text on one line, quoted.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\{:03o}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}

std::string map_line(const Map& map) {
  std::string line = fmt::format("  {}", map.name);
  if (!map.key.empty()) line += fmt::format("[{}]", type_text(map.key[0]));
  line += fmt::format(": {}, {}", type_text(map.value), enum_name(map.storage));
  if (map.value.kind == Kind::lhist) line += fmt::format(", {} to {} by {}", map.histogram.min, map.histogram.max, map.histogram.step);
  if (map.value.kind == Kind::tseries) line += fmt::format(", {} intervals of {} ns", map.histogram.buckets, map.histogram.step);
  if (map.max_entries != 0 && !map.key.empty()) line += fmt::format(", at most {} entries", map.max_entries);
  if (!map.pin.empty()) line += fmt::format(", pinned as {}/{}", pin_folder, map.pin);
  return line + (map.elf_name.empty() ? "\n" : fmt::format(", BPF map {}\n", map.elf_name));
}

std::string site_line(const Site& site, size_t index, const Meta& meta) {
  std::string line = fmt::format("  {}: {}", index, enum_name(site.action));
  if (!site.text.empty()) line += " " + quoted(site.text);
  if (site.map >= 0 && static_cast<size_t>(site.map) < meta.maps.size()) line += " " + meta.maps[static_cast<size_t>(site.map)].name;
  for (const Element& element : site.args)
    line += fmt::format(", {} at {}", element.type.empty() ? "?" : type_text(element.type[0]), element.offset);
  return line + fmt::format(", {} bytes\n", site.payload);
}

std::string param_line(const Param& param) {
  std::string line = fmt::format("  {}", enum_name(param.kind));
  if (!param.name.empty()) line += " " + param.name;
  if (param.kind == ParamKind::positional_number || param.kind == ParamKind::positional_text) line += fmt::format(" ${}", param.index);
  bool option = param.kind == ParamKind::option_number || param.kind == ParamKind::option_text || param.kind == ParamKind::option_flag;
  if (option) line += " = " + quoted(param.text) + (param.description.empty() ? "" : ": " + quoted(param.description));
  return line + fmt::format(", {} bytes at {}\n", param.size, param.offset);
}

}  // namespace

std::string print_text(const Artifact& artifact) {
  const Meta& meta = artifact.meta;
  std::string out =
      fmt::format("awl object, format {}, {}, from {}, {} bytes\n", meta.format, meta.arch, meta.source_name, artifact.object.size());
  if (meta.needs_unsafe) out += "needs --unsafe\n";
  out += "programs:\n";
  for (const Program& program : meta.programs)
    out += fmt::format("  {}: {}{}{}\n", program.elf_name, program.probe, program.per_target ? " (tells its matches apart)" : "",
                       program.group ? fmt::format(" (choice {} of alternative {})", program.rank + 1, program.group) : program.session.empty() ? "" : fmt::format(" (or by {})", program.session));
  if (!meta.maps.empty()) out += "maps:\n";
  for (const Map& map : meta.maps) out += map_line(map);
  if (!meta.loads.empty()) out += "filled at start:\n";
  for (const Load& load : meta.loads) out += fmt::format("  {} from {}\n", meta.maps.at(load.map).name, load.parameter ? fmt::format("${}", load.parameter) : quoted(load.path));
  if (!meta.sites.empty()) out += "events:\n";
  for (size_t i = 0; i < meta.sites.size(); ++i) out += site_line(meta.sites[i], i, meta);
  if (!meta.params.empty()) out += "set before loading:\n";
  for (const Param& param : meta.params) out += param_line(param);
  if (!meta.settings.empty()) out += "config:\n";
  for (const Setting& setting : meta.settings) out += fmt::format("  {} = {}\n", setting.name, setting.value);
  return out;
}

}  // namespace awl::artifact
