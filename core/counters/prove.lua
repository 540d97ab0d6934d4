-- One look at a wallet's money: what there is, and what does not add up. Writes nothing.
-- KEYS 1 pool 2 counters 3 deadlines 4 generation 5 stream
-- ARGV 1 gen 2 wallet 3 how names of holds begin 4 where to go on in the counters 5 most holds, and most events
local gen, wallet, most = ARGV[1], ARGV[2], int(ARGV[5])
if redis.call('GET', KEYS[4]) ~= gen then return {'REGEN'} end
local ms = math.floor(now_us() / 1000)
local names = {'seq', 'free', 'held', 'spent', 'granted', 'returned'}
local pool = redis.call('HMGET', KEYS[1], unpack(names))
local has_pool = redis.call('HGET', KEYS[1], 'gen') == gen
local function sane(text) return int(text) and text or '-1' end  -- never a right sum
for at = 1, #names do pool[at] = has_pool and sane(pool[at]) or '0' end

-- What its calls hold: of the pool, and of every counter they count against
local held, lost, of_counters = 0, 0, {}
local function add(field, amount)
  of_counters[field] = (of_counters[field] or 0) + amount
end
local is_crowded = redis.call('ZCARD', KEYS[3]) > most
for _, member in ipairs(is_crowded and {} or redis.call('ZRANGE', KEYS[3], '0', '-1')) do
  local whose, rid = member:match('^(%x+)|(%x+)$')
  if whose == wallet then
    local hold = redis.call('HMGET', ARGV[3] .. rid, 'h', 'g', 't', 'p', 'l', 'q', 'k')
    if not hold[1] then
      lost = lost + 1
    elseif hold[2] == gen then
      local amounts = {u = int(hold[1]) or -1, t = int(hold[3]) or -1, p = int(hold[4]) or -1, r = 1}
      held = held + amounts.u
      for _, one in ipairs(subjects_of(hold[5])) do
        add(day_field(one) .. ':h', amounts.u)
        add(month_field(one) .. ':h', amounts.u)
      end
      for _, one in ipairs(quotas_of(hold[6])) do add(one.name .. ':h', amounts[one.unit]) end
      add('n:' .. hold[7], 1)
    end
  end
end

-- Counters: some of their fields, where this generation has any
local cursor, odd, spent, bases = '0', {}, {}, {}
local is_counting = redis.call('HGET', KEYS[2], 'gen') == gen
local function compare(field, found)
  local expected = of_counters[field] or 0
  if not is_crowded and expected ~= found then
    for _, word in ipairs({field, str(expected), str(found)}) do odd[#odd + 1] = word end
  end
end
if is_counting then
  local page = redis.call('HSCAN', KEYS[2], ARGV[4], 'COUNT', '500')
  cursor = page[1]
  for at = 1, #page[2], 2 do
    local field, value = page[2][at], page[2][at + 1]
    local what = field:sub(-2)
    if what == ':h' or field:sub(1, 2) == 'n:' then compare(field, int(value) or -1)
    elseif what == ':s' then
      spent[#spent + 1] = field
      spent[#spent + 1] = sane(value)
    elseif what == ':b' and redis.call('HEXISTS', KEYS[2], field .. 'x') == 0 then
      bases[#bases + 1] = field
      bases[#bases + 1] = sane(value)
    end
  end
end
if ARGV[4] == '0' then
  for field in pairs(of_counters) do
    if not is_counting or redis.call('HEXISTS', KEYS[2], field) == 0 then compare(field, 0) end
  end
end

-- Its events that are on their way to PostgreSQL
local events = {}
local is_behind = redis.call('XLEN', KEYS[5]) > most
for _, event in ipairs(is_behind and {} or redis.call('XRANGE', KEYS[5], '-', '+')) do
  local fields = {}
  for at = 1, #event[2], 2 do fields[event[2][at]] = event[2][at + 1] end
  if fields.w == wallet then
    events[#events + 1] = {fields.k or '', fields.r or '', fields.g or '', fields.a or '', fields.e or ''}
  end
end
local function flag(is) return is and '1' or '0' end
return {'OK', cursor, pool, {str(ms), str(held), str(lost), flag(is_crowded), flag(is_behind), flag(is_counting)}, odd, spent,
        bases, events}
