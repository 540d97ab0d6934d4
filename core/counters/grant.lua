-- Take up a lease PostgreSQL granted: each number once, in order. An amount of 0 renews what there is.
-- KEYS 1 pool 2 generation   ARGV 1 gen 2 seq (0: only renew) 3 amount 4 valid ms
local seq, amount, valid = whole(ARGV[2]), whole(ARGV[3]), whole(ARGV[4])
if not seq or not amount or not valid then return {'BADARG'} end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'REGEN'} end
local pool = redis.call('HMGET', KEYS[1], 'gen', 'seq', 'exp')
if pool[1] ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'gen', ARGV[1], 'free', '0', 'held', '0', 'spent', '0', 'granted', '0', 'returned', '0',
    'seq', '0', 'exp', '0', 'lease', '0')
  pool = {ARGV[1], '0', '0'}
end
local at = int(pool[2])
if seq > at + 1 then return {'GAP', str(at)} end
redis.call('HSET', KEYS[1], 'exp', str(math.max(int(pool[3]), math.floor(now_us() / 1000) + valid)))
if seq <= at then return {'KEPT', str(at)} end
redis.call('HINCRBY', KEYS[1], 'free', str(amount))
redis.call('HINCRBY', KEYS[1], 'granted', str(amount))
redis.call('HSET', KEYS[1], 'seq', str(seq), 'lease', str(amount))
return {'OK', str(seq)}
