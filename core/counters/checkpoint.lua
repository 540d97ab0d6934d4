-- A running call's sign of life: what it has produced (absolute, never less than before), and a new deadline.
-- KEYS 1 hold 2 deadlines 3 breaker windows   ARGV 1 request id 2 charge 3 upstream 4 tokens 5 ttl ms
local charge, upstream, tokens, ttl = whole(ARGV[2]), whole(ARGV[3]), whole(ARGV[4]), whole(ARGV[5])
if not charge or not upstream or not tokens or not ttl then return {'BADARG'} end
local hold = redis.call('HMGET', KEYS[1], 'w', 'm', 'mu', 'mt', 'bs')
if not hold[1] then return {'GONE'} end
local ms = math.floor(now_us() / 1000)
local before = int(hold[3])
redis.call('HSET', KEYS[1], 'm', str(math.max(charge, int(hold[2]))), 'mu', str(math.max(upstream, before)),
  'mt', str(math.max(tokens, int(hold[4]))))
redis.call('ZADD', KEYS[2], str(ms + ttl), hold[1] .. '|' .. ARGV[1])
spend(KEYS[3], hold[5], ms, math.max(0, upstream - before))
return {'OK'}
