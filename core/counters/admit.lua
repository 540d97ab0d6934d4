-- Admit one call: everything that may refuse it, in the order of the product's contract, then its hold.
-- Nothing is written unless the call is admitted. Sending the same request id again answers the same.
-- KEYS 1 pool 2 hold 3 deadlines 4 counters 5 breaker windows 6 rates 7 tombstones 8 generation
-- ARGV 1 gen 2 wallet version 3 credential 4 its version 5 request id 6 full 7 slice 8 floor 9 partial
--   10 tokens 11 points 12 ttl ms 13 rpm 14 rpm owner 15 calls at once 16 global breaker's retry ms (0: closed)
--   17 boot 18 base 19 wallet 20 today (days since 1970) 21 n, n x {scope, minute limit, hour limit, shadow},
--   then n, n x {subject as its hold keeps it, start ms, end ms}, then n, n x {quota as its hold keeps it,
--   start ms, end ms, after the wallet}
local us = now_us()
local ms = math.floor(us / 1000)
local gen = ARGV[1]
local full, slice, floor = whole(ARGV[6]), whole(ARGV[7]), whole(ARGV[8])
local tokens, points, ttl = whole(ARGV[10]), whole(ARGV[11]), whole(ARGV[12])
local rpm, at_once, global = whole(ARGV[13]), whole(ARGV[15]), whole(ARGV[16])
if not (full and slice and floor and tokens and points and ttl and rpm and at_once and global) then
  return {'BADARG'}
end

local PERIODS, UNITS = {d = true, w = true, m = true}, {u = true, t = true, p = true, r = true}
local function is_subject(one)
  return (one.limit or one.unlimited) and PERIODS[one.period] and whole(one.first) and whole(one.month)
    and one.today == ARGV[20] and one.start and one.stop
end
local function is_quota(one)
  return one.limit and UNITS[one.unit] and one.start and one.stop
end

local breakers, subjects, quotas, at = {}, {}, {}, 21
for _ = 1, whole(ARGV[at]) or #ARGV do  -- where it is not said how many, something is missing in any case
  local one = {scope = ARGV[at + 1], m = whole(ARGV[at + 2]), h = whole(ARGV[at + 3]), shadow = ARGV[at + 4] == '1'}
  if not one.m or not one.h then return {'BADARG'} end
  breakers[#breakers + 1] = one
  at = at + 4
end
at = at + 1
for _ = 1, whole(ARGV[at]) or #ARGV do
  local one = subjects_of(ARGV[at + 1])[1] or {}
  one.start, one.stop = whole(ARGV[at + 2]), whole(ARGV[at + 3])
  if not is_subject(one) then return {'BADARG'} end
  subjects[#subjects + 1] = one
  at = at + 3
end
at = at + 1
for _ = 1, whole(ARGV[at]) or #ARGV do
  local one = quotas_of(ARGV[at + 1])[1] or {}
  one.start, one.stop, one.after = whole(ARGV[at + 2]), whole(ARGV[at + 3]), ARGV[at + 4] == '1'
  if not is_quota(one) then return {'BADARG'} end
  quotas[#quotas + 1] = one
  at = at + 4
end
if at ~= #ARGV then return {'BADARG'} end

-- 0: the same call again, or state that is not this generation's
if redis.call('GET', KEYS[8]) ~= gen then return {'REGEN'} end
local again = redis.call('HMGET', KEYS[2], 'h', 'w', 'g')
if again[1] then
  if again[2] ~= ARGV[19] then return {'BADARG'} end
  if again[3] ~= gen then return {'DONE'} end  -- an old pool paid for it, and may be closed by now
  return {'OK', '-1', '0', again[1], '0', 'dup', str(ms)}
end
if redis.call('HEXISTS', KEYS[7], ARGV[5]) == 1 then return {'DONE'} end

-- 1 to 3: what was read of credential, account and lists is still so
local facts = redis.call('HMGET', KEYS[4], 'gen', 'w', 'v:' .. ARGV[3], 'n:' .. ARGV[3], 'since')
if facts[1] ~= gen or not facts[2] or not facts[3] then return {'LOAD'} end
if facts[2] ~= ARGV[2] or facts[3] ~= ARGV[4] then return {'STALE'} end
if str(math.floor(ms / 86400000)) ~= ARGV[20] then return {'CLOCK', str(ms)} end
local since = int(facts[5])
local function known_base(field, start)  -- nil: PostgreSQL must be asked; and whether it is but a bound
  local row = redis.call('HMGET', KEYS[4], field, field .. 'x')
  local base, until_ms = int(row[1]), int(row[2])
  if base and not (until_ms and ms >= until_ms) then return base, until_ms end
  if not base and start >= since then return 0 end  -- the period began in this generation
  return nil
end
for _, one in ipairs(subjects) do
  if one.limit then
    local base, bound = known_base(base_field(one), one.start)
    if not base then return {'LOAD'} end
    local spent, held = used(KEYS[4], one)
    one.unit, one.spent, one.held, one.bound = 'u', base + spent, held, bound
  end
end
for _, one in ipairs(quotas) do
  if ms < one.start or ms >= one.stop then return {'CLOCK', str(ms)} end
  local base, bound = known_base(one.name .. ':b', one.start)
  if not base then return {'LOAD'} end
  local spent, held = summed(KEYS[4], {one.name})
  one.spent, one.held, one.bound = base + spent, held, bound
end
for _, one in ipairs(breakers) do
  one.minute, one.hour = window(KEYS[5], one.scope, 's', ms), window(KEYS[5], one.scope, 'm', ms)
  if redis.call('HGET', KEYS[5], 'gen') ~= gen or not one.minute then return {'LOAD'} end
end

-- 4: calls a minute, and calls at once
local remaining, reset, arrival = -1, 0, nil
if rpm > 0 then
  local step = math.floor(60000000 / rpm)
  local tat = math.max(kept(redis.call('HGET', KEYS[6], ARGV[14])), us)
  arrival = tat + step
  local wait = arrival - step * rpm - us
  remaining, reset = math.floor((us + step * rpm - tat) / step), math.floor(tat / 1000)
  if wait > 0 then return {'RATE', '0', str(reset), str(rpm), str(math.ceil(wait / 1000))} end
end
local function refuse(code, ...)
  return {code, str(math.max(0, remaining)), str(reset), ...}
end
if at_once > 0 and kept(facts[4]) >= at_once then return refuse('BUSY', str(at_once)) end

-- 5: the global breaker; 6: the breaker of member, team and organization
if global > 0 then return refuse('GLOBAL', str(global)) end
local shadowed = {}
for _, one in ipairs(breakers) do
  local tripped = (one.minute >= one.m and 'minute') or (one.hour >= one.h and 'hour')
  if tripped then
    local unit = tripped == 'minute' and 's' or 'm'
    local sum, limit = tripped == 'minute' and one.minute or one.hour, tripped == 'minute' and one.m or one.h
    if not one.shadow then
      local size, left, wait = SIZE_MS[unit], sum, 0
      local head = kept(redis.call('HGET', KEYS[5], one.scope .. ':h' .. unit))
      local tick = math.max(math.floor(ms / size), head)  -- the clock may have been ahead when it was written
      while left >= limit and wait < 60 do  -- until enough of it is old
        wait = wait + 1
        left = left - kept(redis.call('HGET', KEYS[5], one.scope .. ':' .. unit .. str((tick + wait) % 60)))
      end
      return refuse('BREAKER', one.scope, tripped, str(sum), str(limit), str((tick + wait) * size - ms))
    end
    shadowed[#shadowed + 1] = one.scope .. '|' .. tripped .. '|' .. str(sum) .. '|' .. str(limit)
  end
end

-- 7 to 10: quotas, the key's limit, budgets; the wallet; what comes after the wallet
local need = {t = tokens, p = points, r = 1}
local least = math.min(math.max(floor, 1), full)
local bound = full
local function exceeded(one)
  local left = one.limit - one.spent - one.held
  if one.unit == 'u' then
    bound = math.min(bound, left)
    return full > 0 and left < least  -- a call that costs nothing needs nothing
  end
  return left < need[one.unit]
end
local function over(one)
  if one.bound then return refuse('SETTLING', str(one.bound - ms)) end  -- more may be left than we know
  return refuse('LIMIT', one.name, one.unit, str(one.limit), str(one.spent), str(one.held), str(one.stop))
end
for _, one in ipairs(quotas) do
  if not one.after and exceeded(one) then return over(one) end
end
for _, one in ipairs(subjects) do
  if one.limit and exceeded(one) then return over(one) end
end
local pool = redis.call('HMGET', KEYS[1], 'gen', 'free', 'held', 'exp', 'lease')
local free = kept(pool[2])
local function sized(most)  -- the worst case, else a slice of it, else all there is
  if most >= full then return full end
  if most >= slice then return slice end
  return most
end
local hold = 0
if full > 0 then
  hold = sized(bound)
  if pool[1] ~= gen then return refuse('NOLEASE', 'none') end
  if ms >= kept(pool[4]) then return refuse('NOLEASE', 'expired') end
  if free < hold then
    if ARGV[9] ~= '1' then return refuse('NOLEASE', 'short') end
    if free < least then return refuse('SHORT', str(free), pool[3]) end
    hold = sized(math.min(bound, free))
  end
end
for _, one in ipairs(quotas) do
  if one.after and exceeded(one) then return over(one) end
end
if full > 0 then hold = sized(math.min(bound, free)) end

-- ---- nothing is written above, nothing refused below ----
local scopes = {}
count(KEYS[4], subjects, quotas, {u = hold, t = tokens, p = points, r = 1}, {u = 0, t = 0, p = 0, r = 0})
for _, one in ipairs(breakers) do scopes[#scopes + 1] = one.scope end
redis.call('HSET', KEYS[2], 'w', ARGV[19], 'g', gen, 'h', str(hold), 't', str(tokens), 'p', str(points), 'm', '0',
  'mu', '0', 'mt', '0', 'l', joined(subjects), 'q', joined(quotas), 'bs', table.concat(scopes, ','), 'k', ARGV[3], 'e', ARGV[18],
  'b', ARGV[17], 'a', str(ms))
redis.call('ZADD', KEYS[3], str(ms + ttl), ARGV[19] .. '|' .. ARGV[5])
redis.call('HINCRBY', KEYS[4], 'n:' .. ARGV[3], '1')
if arrival then
  redis.call('HSET', KEYS[6], ARGV[14], str(arrival))
  remaining, reset = remaining - 1, math.floor(arrival / 1000)
end
if hold > 0 then
  redis.call('HSET', KEYS[1], 'free', str(free - hold), 'held', str(kept(pool[3]) + hold))
end
local low = full > 0 and (free - hold) * 2 < kept(pool[5])
return {'OK', str(remaining), str(reset), str(hold), low and '1' or '0', table.concat(shadowed, ';'), str(ms)}
