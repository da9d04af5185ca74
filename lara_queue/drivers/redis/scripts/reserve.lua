-- Take up to `limit` jobs from several queues, the first queue first. Mirrors LuaScripts::migrateExpiredJobs and ::pop.
--
-- KEYS  four for each queue, in order of priority: its list, :delayed, :reserved, :notify
-- ARGV  1 now (Unix time in whole seconds)
--       2 score of a new reservation (when it runs out)
--       3 limit
--       4 how many due jobs to move out of a sorted set at most
--
-- Returns a flat array. First the Unix time when the next job of these queues comes due, or -1 (told only when no job
-- is); then for each job six values: index of its queue, text in the ready list, start (counted from 1) and length of
-- the number of attempts in it, that number raised, blanks appended to the reserved text. Start 0 means that the
-- payload is not usable, with the reason in place of the length: it is then reserved unchanged.
local now, lease, limit, batch = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local reply = { -1 }

local function migrate(from, list, notify)
  local due = redis.call('ZRANGEBYSCORE', from, '-inf', now, 'LIMIT', 0, batch)
  if #due > 0 then
    redis.call('ZREMRANGEBYRANK', from, 0, #due - 1)
    append(list, notify, due)
  end
end

local function take(queue, list, reserved, notify)
  local bodies = redis.call('LRANGE', list, 0, limit - 1)
  for i = 1, #bodies do
    local body = bodies[i]
    local start, length, number = find_attempts(body)
    local text = body
    if start > 0 then
      number = number + 1
      text = string.sub(body, 1, start - 1) .. string.format('%.0f', number) .. string.sub(body, start + length)
    end
    local n = #reply
    reply[n + 1] = queue
    reply[n + 2] = body
    reply[n + 3] = start
    reply[n + 4] = length
    reply[n + 5] = number or 0
    reply[n + 6] = add_unique(reserved, lease, text)
  end
  if #bodies > 0 then -- only now, so that no error above can cost a job
    redis.call('LTRIM', list, #bodies, -1)
    limit = limit - #bodies
  end
  -- A token is worth something only while there is a job to find. Laravel drops one for each job taken, which may drop
  -- the token of a job that was pushed meanwhile; this drops those that are too many.
  local tokens = redis.call('LLEN', notify)
  if tokens > 0 then
    local left = redis.call('LLEN', list)
    if tokens > left then
      redis.call('LTRIM', notify, tokens - left, -1)
    end
  end
end

for i = 1, #KEYS, 4 do
  migrate(KEYS[i + 1], KEYS[i], KEYS[i + 3])
  migrate(KEYS[i + 2], KEYS[i], KEYS[i + 3])
  take((i + 3) / 4, KEYS[i], KEYS[i + 2], KEYS[i + 3])
  if limit <= 0 then
    break
  end
end

if #reply == 1 then
  local soonest
  for i = 1, #KEYS, 4 do
    for _, key in ipairs({ KEYS[i + 1], KEYS[i + 2] }) do
      local next_due = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
      if next_due and (not soonest or tonumber(next_due) < soonest) then
        soonest = tonumber(next_due)
      end
    end
  end
  reply[1] = soonest and string.format('%.3f', soonest) or -1
end
return reply
