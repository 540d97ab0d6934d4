-- The breaker over everything: add what was spent, say whether it is open and for how long.
-- KEYS 1 windows 2 generation   ARGV 1 spent since 2 minute limit 3 hour limit (0: no limit)
local ms = math.floor(now_us() / 1000)
local amount, limits = whole(ARGV[1]), {s = whole(ARGV[2]), m = whole(ARGV[3])}
if not amount or not limits.s or not limits.m then return {'BADARG'} end
if redis.call('HGET', KEYS[1], 'gen') ~= (redis.call('GET', KEYS[2]) or '-') then return {'LOAD'} end
add_to_window(KEYS[1], 'g', 's', ms, amount)
add_to_window(KEYS[1], 'g', 'm', ms, amount)
for _, unit in ipairs({'s', 'm'}) do
  local sum = int(redis.call('HGET', KEYS[1], 'g:w' .. unit))
  if limits[unit] > 0 and sum >= limits[unit] then
    local tick, wait = math.floor(ms / SIZE_MS[unit]), 0
    while sum >= limits[unit] and wait < 60 do
      wait = wait + 1
      sum = sum - kept(redis.call('HGET', KEYS[1], 'g:' .. unit .. str((tick + wait) % 60)))
    end
    return {'OPEN', unit == 's' and 'minute' or 'hour', str((tick + wait) * SIZE_MS[unit] - ms)}
  end
end
return {'CLOSED'}
