-- Counters as PostgreSQL knows them, for a call that found them missing. What is there already stays.
-- KEYS 1 counters 2 breaker windows 3 generation
-- ARGV 1 gen 2 wallet version 3 credential 4 its version 5 ms a bound holds (0: the bases are exact)
--   6 n, n x {field, base}, then n, n x {scope, m, m x {unit, ms, amount}}
local gen = ARGV[1]
local function is_told()  -- every number is one, and there are as many as are said
  local at = 7
  for _ = 1, whole(ARGV[6]) or #ARGV do
    if not whole(ARGV[at + 1]) then return false end
    at = at + 2
  end
  for _ = 1, whole(ARGV[at]) or #ARGV do
    local n = whole(ARGV[at + 2])
    if not n then return false end
    for part = at + 3, at + 3 * n, 3 do
      if not SIZE_MS[ARGV[part]] or not whole(ARGV[part + 1]) or not whole(ARGV[part + 2]) then return false end
    end
    at = at + 2 + 3 * n
  end
  return at == #ARGV and whole(ARGV[2]) and whole(ARGV[4]) and whole(ARGV[5])
end
if not is_told() then return {'BADARG'} end
if redis.call('GET', KEYS[3]) ~= gen then return {'REGEN'} end
local ms = math.floor(now_us() / 1000)
for _, key in ipairs({KEYS[1], KEYS[2]}) do
  if redis.call('HGET', key, 'gen') ~= gen then
    redis.call('DEL', key)
    redis.call('HSET', key, 'gen', gen, 'since', gen:match(':(%d+)$'))
  end
end
local function version(field, ver)
  if int(ver) > kept(redis.call('HGET', KEYS[1], field)) then redis.call('HSET', KEYS[1], field, ver) end
end
version('w', ARGV[2])
version('v:' .. ARGV[3], ARGV[4])
local holds_ms, at = int(ARGV[5]), 6
for _ = 1, int(ARGV[at]) do
  local field, base = ARGV[at + 1], ARGV[at + 2]
  local row = redis.call('HMGET', KEYS[1], field, field .. 'x')
  if not row[1] or row[2] then
    redis.call('HSET', KEYS[1], field, base)
    if holds_ms > 0 then redis.call('HSET', KEYS[1], field .. 'x', str(ms + holds_ms))
    else redis.call('HDEL', KEYS[1], field .. 'x') end
  end
  at = at + 2
end
at = at + 1
for _ = 1, int(ARGV[at]) do
  local scope, n = ARGV[at + 1], int(ARGV[at + 2])
  local is_new = redis.call('HEXISTS', KEYS[2], scope .. ':hs') == 0
  at = at + 2
  if is_new then
    add_to_window(KEYS[2], scope, 's', ms, 0)
    add_to_window(KEYS[2], scope, 'm', ms, 0)
  end
  for _ = 1, n do
    local unit, when, amount = ARGV[at + 1], int(ARGV[at + 2]), int(ARGV[at + 3])
    local size = SIZE_MS[unit]
    local tick, head = math.floor(when / size), math.floor(ms / size)
    if is_new and tick > head - 60 and amount > 0 then
      redis.call('HINCRBY', KEYS[2], scope .. ':' .. unit .. str(math.min(tick, head) % 60), str(amount))
      redis.call('HINCRBY', KEYS[2], scope .. ':w' .. unit, str(amount))
    end
    at = at + 3
  end
end
return {'OK'}
