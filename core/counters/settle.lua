-- Settle one call at an absolute amount: hold away, counters moved, one event for PostgreSQL, one tombstone.
-- KEYS 1 pool 2 hold 3 deadlines 4 counters 5 breaker windows 6 tombstones 7 stream 8 generation
-- ARGV 1 kind (final, orphan) 2 request id 3 wallet 4 gen of the call 5 charge 6 upstream 7 tokens 8 points
--   9 requests 10 hold 11 base 12 final
local kind, rid, wallet = ARGV[1], ARGV[2], ARGV[3]
local charge, upstream, tokens, points = whole(ARGV[5]), whole(ARGV[6]), whole(ARGV[7]), whole(ARGV[8])
local requests, told = whole(ARGV[9]), whole(ARGV[10])
if not (charge and upstream and tokens and points and requests and told) then return {'BADARG'} end
if kind ~= 'final' and kind ~= 'orphan' then return {'BADARG'} end
local gen = redis.call('GET', KEYS[8])
if not gen then return {'REGEN'} end
local ms = math.floor(now_us() / 1000)

local function write(rank, amount, of, base, final)
  redis.call('XADD', KEYS[7], '*', 'r', rid, 'w', wallet, 'g', of, 'k', rank, 'a', str(amount), 'e', base, 'f', final)
end

local function bury(amount, rank, of, kept, spent)  -- what a late final needs to know
  redis.call('HSET', KEYS[6], rid, table.concat({str(amount), rank, of, kept.l, kept.q, kept.bs, str(upstream),
    str(spent.t), str(spent.p), str(spent.r)}, '#'))
end

local NOTHING = {u = 0, t = 0, p = 0, r = 0}
local function is_here(key, of) return of == gen and redis.call('HGET', key, 'gen') == gen end

local function payable(mine, of, subjects, quotas)  -- the charge, beyond what is its own only what nobody holds
  if charge <= mine then return charge end
  -- of another generation: what it was told it holds stays out until it is booked
  if of ~= gen then return math.min(charge, math.max(mine, told)) end
  if not is_here(KEYS[1], of) or not is_here(KEYS[4], of) then return mine end
  local free = int(redis.call('HGET', KEYS[1], 'free'))
  return math.min(charge, mine + room(KEYS[4], subjects, quotas, free))
end

local function pay(of, held, amount)
  if not is_here(KEYS[1], of) then return end
  if held ~= 0 then redis.call('HINCRBY', KEYS[1], 'held', str(-held)) end
  redis.call('HINCRBY', KEYS[1], 'free', str(held - amount))
  redis.call('HINCRBY', KEYS[1], 'spent', str(amount))
end

local hold = redis.call('HMGET', KEYS[2], 'h', 'w', 'g', 'm', 'mu', 'mt', 't', 'p', 'l', 'q', 'bs', 'k', 'e', 'a')
if not hold[1] then
  if kind == 'orphan' then redis.call('ZREM', KEYS[3], wallet .. '|' .. rid) end  -- of nothing: due for ever
  local before = redis.call('HGET', KEYS[6], rid)
  if before then
    local parts = {}
    for part in (before .. '#'):gmatch('([^#]*)#') do parts[#parts + 1] = part end
    local amount, of = int(parts[1]), parts[3]
    if parts[2] ~= '1' or kind ~= 'final' then return {'DUP', str(amount)} end
    -- the truth after the sweeper's guess: by the difference, upwards no further than there is
    local subjects, quotas = subjects_of(parts[4]), quotas_of(parts[5])
    local now = payable(amount, of, subjects, quotas)
    local more = now - amount
    write('2', now, of, ARGV[11], ARGV[12])
    pay(of, 0, more)
    if is_here(KEYS[4], of) then
      count(KEYS[4], subjects, quotas, NOTHING, {u = more, t = tokens - int(parts[8]), p = points - int(parts[9]),
        r = requests - int(parts[10])})
    end
    spend(KEYS[5], parts[6], ms, math.max(0, upstream - int(parts[7])))
    bury(now, '2', of, {l = parts[4], q = parts[5], bs = parts[6]}, {t = tokens, p = points, r = requests})
    return {'ADJUST', str(now)}
  end
  if kind == 'orphan' then return {'GONE'} end  -- a sweeper never invents a settlement
  -- No hold and no tombstone. Of another generation: Redis lost it, and what it held is out until it is booked.
  -- Of this one: it was swept so long ago that this is forgotten, so all it can have is what nobody holds.
  local of, amount = ARGV[4], math.min(charge, told)
  if of == gen then amount = math.min(told, payable(0, of, {}, {})) end
  write('2', amount, of, ARGV[11], ARGV[12])
  pay(of, 0, amount)
  bury(amount, '2', of, {l = '', q = '', bs = ''}, {t = tokens, p = points, r = requests})
  return {'NOHOLD', str(amount)}
end

if hold[2] ~= wallet then return {'BADARG'} end
local held, of, metered = int(hold[1]), hold[3], int(hold[5])
local subjects, quotas = subjects_of(hold[9]), quotas_of(hold[10])
local amount, rank, base, final = nil, '2', ARGV[11], ARGV[12]
if kind == 'orphan' then
  local deadline = int(redis.call('ZSCORE', KEYS[3], wallet .. '|' .. rid) or '0')
  if deadline > ms then return {'HEARD'} end
  amount, upstream = math.min(int(hold[4]), held), metered
  rank, base, final = '1', hold[13], table.concat({str(upstream), hold[6], str(ms - int(hold[14]))}, '|')
  local counts = amount > 0  -- nobody had an answer: it is part of sums where it cost something
  tokens, points, requests = counts and int(hold[6]) or 0, 0, counts and 1 or 0
else
  amount = payable(held, of, subjects, quotas)
end
write(rank, amount, of, base, final)
pay(of, held, amount)
if is_here(KEYS[4], of) then
  count(KEYS[4], subjects, quotas, {u = -held, t = -int(hold[7]), p = -int(hold[8]), r = -1},
    {u = amount, t = tokens, p = points, r = requests})
  redis.call('HINCRBY', KEYS[4], 'n:' .. hold[12], '-1')
end
spend(KEYS[5], hold[11], ms, math.max(0, upstream - metered))
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], wallet .. '|' .. rid)
bury(amount, rank, of, {l = hold[9], q = hold[10], bs = hold[11]}, {t = tokens, p = points, r = requests})
return {'OK', str(amount)}
