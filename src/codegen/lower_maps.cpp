// Maps: scalars in global memory, keyed hashes, per-CPU aggregations.
#include <cassert>

#include "codegen/lower_internal.h"

namespace awl {

using artifact::ParamKind;
using artifact::Storage;

namespace {

constexpr uint64_t most_cpus = 8192;  // CONFIG_NR_CPUS of the largest configuration

}  // namespace

const MapInfo& Lowering::map_info(const ast::Expr& map) { return unit.maps.at(std::get<ast::MapRef>(map.node).name); }

// The key in memory, at its map's type: built in place, nothing in it undefined.
Value Lowering::key(const MapInfo& info, const ast::Expr& key) {
  if (info.kind && info.kind->objects) {  // the object itself
    auto* call = std::get_if<ast::Call>(&key.node);
    const bool current = call && call->builtin && call->builtin->flags & BuiltinFlag::current_task;
    return current ? emit.helper_address(BPF_FUNC_get_current_task_btf, {}, Effect::pure) : emit.to_address(scalar(key));
  }
  if (artifact::is_array(stored(info).storage)) {  // an index that does not fit must not become another one
    Value index = number64(key), most = emit.imm(UINT32_MAX), made = emit.slot(4, 4);
    emit.store(made, emit.resize(emit.select(emit.compare(Compare::ult, index, most), index, most), 32, false));
    return made;
  }
  bool in_place = key.type == info.key && !is_scalar(key.type) &&
                  (std::holds_alternative<ast::String>(key.node) ||
                   (std::holds_alternative<ast::Variable>(key.node) && (key.type->kind == Kind::tuple || key.type->kind == Kind::record)));
  if (in_place) return address(key);
  Value made = memory(info.key->size);
  into(key, info.key, made, true);
  return made;
}

Value Lowering::key(const ast::Expr& map) {
  auto& ref = std::get<ast::MapRef>(map.node);
  const MapInfo& info = map_info(map);
  if (!ref.keys.empty()) return key(info, *ref.keys.front());
  Value zero = emit.slot(4, 4);  // the one element of an array
  emit.store(zero, emit.imm(0, 32));
  return zero;
}

Value Lowering::find(const MapInfo& info, Value key) {
  if (info.kind && info.kind->objects) return emit.helper_address(info.kind->objects->get, {emit.map(info.index), key, emit.null(), emit.imm(0)}, Effect::reads);
  return emit.helper_address(BPF_FUNC_map_lookup_elem, {emit.map(info.index), key}, Effect::reads);
}

// The value of an element without aggregation; 0 where there is none.
Value Lowering::map_scalar(const ast::Expr& e) {
  const MapInfo& info = map_info(e);
  const artifact::Map& where = stored(info);
  if (where.storage == Storage::global) return convert(load_scalar(emit.global(where.offset), info.value), info.value, e.type);
  Value element = find(info, key(e));
  return emit.choose(
      emit.compare(Compare::ne, element, emit.null()), [&] { return convert(load_scalar(element, info.value), info.value, e.type); },
      [&] {
        absent(e);
        return emit.imm(0, bits_of(e.type));
      });
}

// Where the element is, or zeros.
Value Lowering::map_address(const ast::Expr& e) {
  const MapInfo& info = map_info(e);
  const artifact::Map& where = stored(info);
  if (where.storage == Storage::global) return emit.global(where.offset);
  Value element = find(info, key(e));
  return emit.choose(emit.compare(Compare::ne, element, emit.null()), [&] { return element; }, [&] {
    absent(e);
    return emit.zeros(info.value->size);
  });
}

Value Lowering::map_result(Value code) { return emit.resize(emit.resize(code, 32, true), 64, true); }

void Lowering::update(const ast::Expr& target, const MapInfo& info, Value key, Value value, uint64_t flags) {
  int32_t site = site_of(unit.update_sites, &target);
  if (info.kind && info.kind->objects) {  // made with the value where the object has none yet, else written to
    Value place = emit.helper_address(info.kind->objects->get, {emit.map(info.index), key, value, emit.imm(BPF_LOCAL_STORAGE_GET_F_CREATE)});
    constexpr int64_t no_memory = -12;  // -ENOMEM
    emit.branch(emit.compare(Compare::ne, place, emit.null()), [&] { emit.copy(place, value, info.value->size); }, [&] { runtime_error(site, emit.imm(static_cast<uint64_t>(no_memory))); });
    return;
  }
  Value code = map_result(emit.helper(BPF_FUNC_map_update_elem, {emit.map(info.index), key, value, emit.imm(flags)}));
  if (site < 0) return;
  emit.branch(emit.compare(Compare::slt, code, emit.imm(0)), [&] { runtime_error(site, code); }, {}, false);
}

void Lowering::assign_map(const ast::Expr& target, const ast::Expr& value) {
  const MapInfo& info = map_info(target);
  const artifact::Map& where = stored(info);
  if (where.storage == Storage::global) {
    Value to = emit.global(where.offset);
    bool at_once = is_scalar(info.value) || std::holds_alternative<ast::String>(value.node) || std::holds_alternative<ast::Call>(value.node);
    if (at_once) {
      into(value, info.value, to, true);
    } else {  // what is read may be what is written
      Value made = memory(info.value->size);
      into(value, info.value, made, true);
      emit.copy(to, made, info.value->size);
    }
    emit.store(emit.global(where.set_offset), emit.imm(1));
    return;
  }
  if (where.storage == Storage::redirect) {
    Value index = number64(*std::get<ast::MapRef>(target.node).keys.front()), to = number64(value);
    send(site_of(unit.update_sites, &target), [&](Value payload) {
      emit.store(payload, emit.resize(index, 32, false), 0);
      emit.store(payload, emit.resize(to, 32, false), 4);
    });
    return;
  }
  emit.scope([&] {
    Value made = memory(info.value->size);
    into(value, info.value, made, true);
    update(target, info, key(target), made, BPF_ANY);
  });
}

Value Lowering::modify_map(const ast::Expr& target, const std::function<Value(Value)>& change, bool want_old) {
  const MapInfo& info = map_info(target);
  const artifact::Map& where = stored(info);
  if (where.storage == Storage::global) {
    Value at = emit.global(where.offset);
    Value old = load_scalar(at, info.value), changed = change(old);
    store_scalar(at, changed, info.value);
    emit.store(emit.global(where.set_offset), emit.imm(1));
    return want_old ? old : changed;
  }
  Value at = key(target);
  Value element = find(info, at);
  return emit.choose(
      emit.compare(Compare::ne, element, emit.null()),
      [&] {
        Value old = load_scalar(element, info.value), changed = change(old);
        store_scalar(element, changed, info.value);
        return want_old ? old : changed;
      },
      [&] {
        absent(target);
        Value old = emit.imm(0, bits_of(info.value)), changed = change(old);
        Value made = emit.slot(info.value->size);
        store_scalar(made, changed, info.value);
        update(target, info, at, made, BPF_ANY);
        return want_old ? old : changed;
      });
}

// `element`, or where that is null, a new one of zeros. Null where none could be made, which is said then. Several CPUs may make the same element at once:
// what each does to it afterwards is done to the one that stayed.
Value Lowering::made_if_absent(const ast::Expr& target, const MapInfo& info, Value at, Value element) {
  return emit.choose(emit.compare(Compare::ne, element, emit.null()), [&] { return element; }, [&] {
    absent(target);
    if (info.kind && info.kind->objects) {
      update(target, info, at, emit.zeros(info.value->size), BPF_ANY);
      return find(info, at);
    }
    // Only a full map is worth a message, and then the second look finds nothing.
    Value code = map_result(emit.helper(BPF_FUNC_map_update_elem, {emit.map(info.index), at, emit.zeros(info.value->size), emit.imm(BPF_NOEXIST)}));
    int32_t site = site_of(unit.update_sites, &target);
    if (site >= 0) {
      constexpr int64_t exists = -17;  // -EEXIST
      Value failed = emit.binary(Op::bit_and, emit.compare(Compare::slt, code, emit.imm(0)),
                                 emit.compare(Compare::ne, code, emit.imm(static_cast<uint64_t>(exists))));
      emit.branch(failed, [&] { runtime_error(site, code); }, {}, false);
    }
    return find(info, at);
  });
}

// target += amount, without needing the result. 64-bit values only.
void Lowering::add_to_map(const ast::Expr& target, Value amount) {
  const MapInfo& info = map_info(target);
  const artifact::Map& where = stored(info);
  if (where.storage == Storage::global) {
    emit.atomic_add(emit.global(where.offset), amount);
    emit.store(emit.global(where.set_offset), emit.imm(1));
    return;
  }
  emit.scope([&] {
    Value at = key(target);
    Value element = made_if_absent(target, info, at, find(info, at));
    emit.branch(emit.compare(Compare::ne, element, emit.null()), [&] { emit.atomic_add(element, amount); });
  });
}

// This CPU's value of an aggregation's element. A new element starts as zeros.
void Lowering::with_element(const ast::Expr& target, const std::function<void(Value)>& use, std::optional<Value> piece) {
  const MapInfo& info = map_info(target);
  const artifact::Map& where = stored(info);
  emit.scope([&] {
    Value at = key(target);
    if (piece) emit.store(at, emit.resize(*piece, 32, false));
    Value element = find(info, at);
    if (where.storage == Storage::percpu_array) {
      constexpr int64_t no_such_index = -7;  // -E2BIG, as the kernel says it where an element is written
      emit.branch(emit.compare(Compare::ne, element, emit.null()), [&] { use(element); }, [&] { runtime_error(site_of(unit.update_sites, &target), emit.imm(static_cast<uint64_t>(no_such_index))); });
      return;
    }
    if (where.storage == Storage::percpu_hash || where.storage == Storage::hash) element = made_if_absent(target, info, at, element);
    emit.branch(emit.compare(Compare::ne, element, emit.null()), [&] { use(element); });
  });
}

Value Lowering::remove(const ast::Expr& map, const ast::Expr& key_expr) {
  const MapInfo& info = map_info(map);
  const artifact::Map& where = stored(info);
  bool keyed = artifact::is_keyed(where.storage);
  if (where.storage == Storage::global) {
    Value flag = emit.global(where.set_offset);
    Value was = emit.resize(emit.load(flag, 64), 1, false);
    emit.zero(emit.global(where.offset), info.value->size);
    emit.store(flag, emit.imm(0));
    return was;
  }
  Value at = &map == &key_expr ? key(map) : key(info, key_expr);
  if (info.kind && info.kind->objects) return emit.compare(Compare::eq, map_result(emit.helper(info.kind->objects->remove, {emit.map(info.index), at})), emit.imm(0));
  if (keyed) {
    Value code = map_result(emit.helper(BPF_FUNC_map_delete_elem, {emit.map(info.index), at}));
    return emit.compare(Compare::eq, code, emit.imm(0));
  }
  const uint32_t pieces = artifact::slot_pieces(where), size = std::min(info.value->size, artifact::slot_piece);
  auto clear = [&](const std::function<Value()>& element_at) {
    auto one = [&] {
      Value element = element_at();
      emit.branch(emit.compare(Compare::ne, element, emit.null()), [&] { emit.zero(element, size); });
    };
    if (pieces == 1) return one();
    emit.loop(emit.imm(0), emit.imm(pieces), pieces, [&](Value piece) {
      emit.store(at, emit.resize(piece, 32, false));
      one();
    });
  };
  auto clear_own = [&] { clear([&] { return find(info, at); }); };
  if (find_param(ParamKind::feature, "percpu_lookup") < 0 || find_param(ParamKind::ncpus) < 0) {
    clear_own();
    return emit.imm(1, 1);
  }
  // Kernels before 5.19 reach the running CPU's part alone: the run side says so.
  emit.branch(
      emit.compare(Compare::ne, param(ParamKind::feature, "percpu_lookup"), emit.imm(0)),
      [&] {
        emit.loop(emit.imm(0), param(ParamKind::ncpus), most_cpus, [&](Value cpu) {
          clear([&] { return emit.helper_address(BPF_FUNC_map_lookup_percpu_elem, {emit.map(info.index), at, emit.resize(cpu, 32, false)}); });
        });
      },
      clear_own);
  return emit.imm(1, 1);
}

Value Lowering::find_into(const ast::Expr& map, const ast::Expr& key_expr, const ast::Expr& target) {
  const MapInfo& info = map_info(map);
  Value at = key(info, key_expr);
  Value element = find(info, at);
  Value present = emit.compare(Compare::ne, element, emit.null());
  const std::string& name = std::get<ast::Variable>(target.node).name;
  Type type = instance.variables.at(name).type;
  emit.branch(present, [&] {
    if (is_aggregation(info.value)) store_scalar(variable(name), convert(merged(info, at), types.integer(8, info.value->is_signed), type), type);
    else read({element, Memory::own}, info.value, type, variable(name), true, true);
  });
  return present;
}

Value Lowering::has_element(const ast::Expr& map, const ast::Expr& key_expr) {
  const MapInfo& info = map_info(map);
  Value at = key(info, key_expr);
  if (stored(info).storage != Storage::bloom) return emit.compare(Compare::ne, find(info, at), emit.null());
  return emit.compare(Compare::eq, map_result(emit.helper(BPF_FUNC_map_peek_elem, {emit.map(info.index), at})), emit.imm(0));
}

Value Lowering::push(const ast::Expr& map, const ast::Expr& value) {
  const MapInfo& info = map_info(map);
  Type type = stored(info).storage == Storage::bloom ? info.key : info.value;
  Value made = memory(type->size);
  into(value, type, made, true);
  return map_result(emit.helper(BPF_FUNC_map_push_elem, {emit.map(info.index), made, emit.imm(BPF_ANY)}));
}

Value Lowering::take_into(const ast::Expr& map, const ast::Expr& target, uint32_t helper) {
  const MapInfo& info = map_info(map);
  const std::string& name = std::get<ast::Variable>(target.node).name;
  Type type = instance.variables.at(name).type;
  Value made = memory(info.value->size);
  Value present = emit.compare(Compare::eq, map_result(emit.helper(helper, {emit.map(info.index), made})), emit.imm(0));
  emit.branch(present, [&] { read({made, Memory::own}, info.value, type, variable(name), true, true); });
  return present;
}

void Lowering::merge(const MapInfo& info, Value at, Value total, Value updates) {
  Kind kind = info.value->kind;
  bool is_signed = info.value->is_signed;
  emit.store(total, emit.imm(0));
  emit.store(updates, emit.imm(0));
  auto add_cpu = [&](Value element) {
    Value x = emit.load(element, 64, 0);
    Value n = kind == Kind::count ? emit.imm(1) : emit.load(element, 64, 8);
    Value before = emit.load(updates, 64), sum = emit.load(total, 64);
    if (kind == Kind::min || kind == Kind::max) {
      Compare better = kind == Kind::min ? (is_signed ? Compare::slt : Compare::ult) : (is_signed ? Compare::sgt : Compare::ugt);
      Value replace = emit.select(emit.compare(Compare::eq, before, emit.imm(0)), emit.imm(1, 1), emit.compare(better, x, sum));
      replace = emit.binary(Op::bit_and, replace, emit.compare(Compare::ne, n, emit.imm(0)));
      emit.store(total, emit.select(replace, x, sum));
    } else {
      emit.store(total, emit.binary(Op::add, sum, x));
    }
    emit.store(updates, emit.binary(Op::add, before, n));
  };
  if (find_param(ParamKind::ncpus) >= 0) {
    emit.loop(emit.imm(0), param(ParamKind::ncpus), most_cpus, [&](Value cpu) {
      Value element = emit.helper_address(BPF_FUNC_map_lookup_percpu_elem, {emit.map(info.index), at, emit.resize(cpu, 32, false)});
      emit.branch(emit.compare(Compare::ne, element, emit.null()), [&] { add_cpu(element); }, [&] {});
    });
  } else {
    Value element = find(info, at);
    emit.branch(emit.compare(Compare::ne, element, emit.null()), [&] { add_cpu(element); });
  }
}

// An aggregation as one number, over all CPUs (bpf_map_lookup_percpu_elem, kernel 5.19). avg: total / updates.
Value Lowering::merged(const MapInfo& info, Value at) {
  Value total = emit.slot(8), updates = emit.slot(8);
  merge(info, at, total, updates);
  Value result = emit.load(total, 64);
  if (info.value->kind != Kind::avg && info.value->kind != Kind::stats) return result;
  Value n = emit.load(updates, 64);
  return emit.choose(
      emit.compare(Compare::eq, n, emit.imm(0)), [&] { return emit.imm(0); },
      [&] { return division(ast::BinaryOp::divide, result, n, info.value->is_signed, nullptr, -1); });
}

}  // namespace awl
