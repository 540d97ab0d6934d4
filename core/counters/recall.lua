-- Give money that nobody holds back to PostgreSQL. The event tells the total returned so far: absolute.
-- KEYS 1 pool 2 generation 3 stream   ARGV 1 gen 2 wallet 3 want
local want = whole(ARGV[3])
if not want then return {'BADARG'} end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'REGEN'} end
local pool = redis.call('HMGET', KEYS[1], 'gen', 'free', 'returned')
if pool[1] ~= ARGV[1] then return {'OK', '0'} end
local give = math.min(int(pool[2]), want)
if give > 0 then
  local total = int(pool[3]) + give
  redis.call('XADD', KEYS[3], '*', 'w', ARGV[2], 'g', ARGV[1], 'k', 'return', 'a', str(total))
  redis.call('HINCRBY', KEYS[1], 'free', str(-give))
  redis.call('HSET', KEYS[1], 'returned', str(total), 'lease', '0')
end
return {'OK', str(give)}
