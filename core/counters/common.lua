-- What all scripts share; put before each of them. Amounts are whole numbers as decimal strings: Lua's own
-- conversions lose digits above 1e14 and take "nan", "-inf" and "0x10" for numbers.
local EXACT = 9007199254740992  -- 2^53: from there on whole numbers are not

local function int(text)
  if type(text) ~= 'string' or #text > 16 or not text:find('^%-?%d+$') then return nil end
  local number = tonumber(text)
  return number < EXACT and number or nil
end

local function whole(text)  -- not below zero
  local number = int(text)
  return number and number >= 0 and number or nil
end

local function kept(text)  -- a sum of ours; what was never counted is zero. Nobody else writes it: a quick look will do
  if not text then return 0 end
  local number = tonumber(text)
  if number and number % 1 == 0 and math.abs(number) < EXACT then return number end
  error('not a whole number: ' .. text)
end

local function str(number)
  return string.format('%d', number)
end

local function now_us()  -- once in a script: two calls differ
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Sliding windows of upstream cost: 60 buckets of a second and 60 of a minute for each scope, with their sums.
local SIZE_MS = {s = 1000, m = 60000}

local function expired(key, scope, unit, head, at)  -- what left the window since the head was written
  local names = {}
  for tick = head + 1, at do names[#names + 1] = scope .. ':' .. unit .. str(tick % 60) end
  local total = 0
  for _, amount in ipairs(redis.call('HMGET', key, unpack(names))) do total = total + kept(amount) end
  return total, names
end

local function window(key, scope, unit, now_ms)
  local row = redis.call('HMGET', key, scope .. ':h' .. unit, scope .. ':w' .. unit)
  if not row[1] then return nil end
  local head, sum = kept(row[1]), kept(row[2])
  local at = math.floor(now_ms / SIZE_MS[unit])
  if at - head >= 60 then return 0 end
  if at <= head then return sum end
  return sum - expired(key, scope, unit, head, at)
end

local function add_to_window(key, scope, unit, now_ms, amount)
  local row = redis.call('HMGET', key, scope .. ':h' .. unit, scope .. ':w' .. unit)
  local at = math.floor(now_ms / SIZE_MS[unit])
  local head, sum = row[1] and kept(row[1]) or at, kept(row[2])
  if at - head >= 60 then
    local names = {}
    for tick = 0, 59 do names[#names + 1] = scope .. ':' .. unit .. str(tick) end
    redis.call('HDEL', key, unpack(names))
    head, sum = at, 0
  elseif at > head then
    local gone, names = expired(key, scope, unit, head, at)
    redis.call('HDEL', key, unpack(names))
    head, sum = at, sum - gone
  end
  redis.call('HINCRBY', key, scope .. ':' .. unit .. str(head % 60), str(amount))
  redis.call('HSET', key, scope .. ':h' .. unit, str(head), scope .. ':w' .. unit, str(sum + amount))
end

local function spend(key, scopes, now_ms, amount)  -- of every scope, joined by ",", whose windows are kept
  if amount == 0 then return end
  for scope in string.gmatch(scopes or '', '[^,]+') do
    if redis.call('HEXISTS', key, scope .. ':hs') == 1 then
      add_to_window(key, scope, 's', now_ms, amount)
      add_to_window(key, scope, 'm', now_ms, amount)
    end
  end
end

-- Whose spending a call counts as (key, member, team), as its hold keeps it: "name|limit|period|first|today|month"
-- joined by ";". A limit of "-" is none; first and today are days since 1970, month is its first day.
local SUBJECT = '(([^|;]+)|([^|;]+)|([^|;]+)|([^|;]+)|([^|;]+)|([^|;]+))'
local function subjects_of(text)
  local subjects = {}
  for part, name, limit, period, first, today, month in string.gmatch(text or '', SUBJECT) do
    subjects[#subjects + 1] = {name = name, limit = whole(limit), unlimited = limit == '-', period = period,
                               first = first, today = today, month = month, text = part}
  end
  return subjects
end

-- Other quotas (tokens, points, requests, a session's money): "name|unit|limit" joined by ";".
local QUOTA = '(([^|;]+)|([^|;]+)|([^|;]+))'
local function quotas_of(text)
  local quotas = {}
  for part, name, unit, limit in string.gmatch(text or '', QUOTA) do
    quotas[#quotas + 1] = {name = name, unit = unit, limit = whole(limit), text = part}
  end
  return quotas
end

local function summed(key, names)
  local spent, held = 0, 0
  local fields = {}
  for _, name in ipairs(names) do
    fields[#fields + 1] = name .. ':s'
    fields[#fields + 1] = name .. ':h'
  end
  for i, amount in ipairs(redis.call('HMGET', key, unpack(fields))) do
    if i % 2 == 1 then spent = spent + kept(amount) else held = held + kept(amount) end
  end
  return spent, held
end

local function day_field(one) return one.name .. '@d' .. one.today end
local function month_field(one) return one.name .. '@m' .. one.month end

local function used(key, one)  -- spent and held in the period of a subject's limit, in this generation
  if one.period == 'm' then return summed(key, {month_field(one)}) end
  local names, first = {}, int(one.first)
  local last = one.period == 'w' and first + 6 or first  -- a call may run on while others are admitted on later days
  for day = first, last do names[#names + 1] = one.name .. '@d' .. str(day) end
  return summed(key, names)
end

local function base_field(one)  -- what earlier generations spent in that period
  return one.name .. '@' .. one.period .. one.first .. ':b'
end

local function room(key, subjects, quotas, free)  -- how much more money a running call may take
  for _, one in ipairs(subjects) do
    if one.limit then
      local spent, held = used(key, one)
      local base = kept(redis.call('HGET', key, base_field(one)))
      free = math.min(free, one.limit - base - spent - held)
    end
  end
  for _, one in ipairs(quotas) do
    if one.unit == 'u' then
      local spent, held = summed(key, {one.name})
      local base = kept(redis.call('HGET', key, one.name .. ':b'))
      free = math.min(free, one.limit - base - spent - held)
    end
  end
  return math.max(0, free)
end

local function move(key, field, held, spent)
  if held ~= 0 then redis.call('HINCRBY', key, field .. ':h', str(held)) end
  if spent ~= 0 then redis.call('HINCRBY', key, field .. ':s', str(spent)) end
end

local function count(key, subjects, quotas, held, spent)  -- amounts by unit: u(sd) t(okens) p(oints) r(equests)
  for _, one in ipairs(subjects) do
    move(key, day_field(one), held.u, spent.u)
    move(key, month_field(one), held.u, spent.u)
  end
  for _, one in ipairs(quotas) do move(key, one.name, held[one.unit], spent[one.unit]) end
end

local function joined(list)
  local texts = {}
  for _, one in ipairs(list) do texts[#texts + 1] = one.text end
  return table.concat(texts, ';')
end
