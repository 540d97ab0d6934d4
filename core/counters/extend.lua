-- Add to a running call's hold: `more`, or, when partial, what there is of it.
-- KEYS 1 pool 2 hold 3 counters 4 generation   ARGV 1 more 2 partial
local more = whole(ARGV[1])
if not more then return {'BADARG'} end
local gen = redis.call('GET', KEYS[4])
if not gen then return {'REGEN'} end
local hold = redis.call('HMGET', KEYS[2], 'h', 'g', 'l', 'q')
if not hold[1] then return {'GONE'} end
local pool = redis.call('HMGET', KEYS[1], 'gen', 'free', 'exp', 'lease', 'held')
if hold[2] ~= gen or pool[1] ~= gen then return {'OK', '0', '0'} end
local ms = math.floor(now_us() / 1000)
if ms >= int(pool[3]) then return {'NOLEASE', 'expired'} end
local free = int(pool[2])
local subjects, quotas = subjects_of(hold[3]), quotas_of(hold[4])
local allowed = room(KEYS[3], subjects, quotas, more)
if free < allowed and ARGV[2] ~= '1' then return {'NOLEASE', 'short'} end
local added = math.min(allowed, free)
if added > 0 then
  redis.call('HSET', KEYS[1], 'free', str(free - added), 'held', str(kept(pool[5]) + added))
  redis.call('HSET', KEYS[2], 'h', str(int(hold[1]) + added))
  count(KEYS[3], subjects, quotas, {u = added, t = 0, p = 0, r = 0}, {u = 0, t = 0, p = 0, r = 0})
end
return {'OK', str(added), (free - added) * 2 < kept(pool[4]) and '1' or '0'}
