-- A version grew: calls admitted under an older one must read again. Never goes back.
-- KEYS 1 counters 2 generation   ARGV 1 field 2 version
local version = whole(ARGV[2])
if not version then return {'BADARG'} end
local gen = redis.call('GET', KEYS[2])
if not gen then return {'REGEN'} end
if redis.call('HGET', KEYS[1], 'gen') ~= gen then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'gen', gen, 'since', gen:match(':(%d+)$'))
end
if version > kept(redis.call('HGET', KEYS[1], ARGV[1])) then redis.call('HSET', KEYS[1], ARGV[1], str(version)) end
return {'OK'}
