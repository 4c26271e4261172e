-- What machines tell one another beside the log.
--   BG003  another machine has changed a secret meanwhile

-- Say that a machine lives, what it understands and how far it is, and give the engine's time.
CREATE FUNCTION bouncegate.announce(
    p_node text, p_level integer, p_version text, p_position bigint, p_clock bigint
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_now CONSTANT bigint := bouncegate.now_ms();
BEGIN
    INSERT INTO bouncegate.nodes AS n (node, level, version, position, skew, seen)
    VALUES (p_node, p_level, left(p_version, 100), p_position, p_clock - v_now, v_now)
    ON CONFLICT (node) DO UPDATE SET
        level = excluded.level,
        version = excluded.version,
        position = excluded.position,
        skew = excluded.skew,
        seen = excluded.seen;
    RETURN v_now;
END
$$;

-- A machine that is gone: nothing waits for it any more. Its number stays, for its entries do.
CREATE FUNCTION bouncegate.leave(p_node text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE bouncegate.nodes AS n SET seen = 0, level = 0, position = 0, skew = 0
    WHERE n.node = p_node AND n.seen > 0;
    RETURN FOUND;
END
$$;

-- Set how many recipients a machine sent to in hours, by subject.
CREATE FUNCTION bouncegate.put_rates(
    p_node text, p_hours integer[], p_subjects bytea[], p_sends bigint[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_node IS NULL OR cardinality(p_hours) > 10000
        OR cardinality(p_hours) IS DISTINCT FROM cardinality(p_subjects)
        OR cardinality(p_hours) IS DISTINCT FROM cardinality(p_sends)
    THEN
        RAISE EXCEPTION 'at most 10000 rates can be set at once' USING ERRCODE = 'BG002';
    END IF;
    INSERT INTO bouncegate.rates AS r (hour, subject, node, sends)
    SELECT given.hour, given.subject, p_node, given.sends
    FROM unnest(p_hours, p_subjects, p_sends) AS given (hour, subject, sends)
    ORDER BY given.hour, given.subject
    ON CONFLICT (hour, subject, node) DO UPDATE SET sends = excluded.sends
    WHERE r.sends <> excluded.sends;
END
$$;

-- Put the next version of a secret. Who repeats a call whose answer was lost, is not refused.
CREATE FUNCTION bouncegate.put_secret(
    p_name text, p_version integer, p_body bytea, p_node text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_version = 1 THEN
        INSERT INTO bouncegate.secrets AS s (name, version, body, node, at)
        VALUES (p_name, p_version, p_body, p_node, bouncegate.now_ms())
        ON CONFLICT (name) DO NOTHING;
    ELSE
        UPDATE bouncegate.secrets AS s
        SET version = p_version, body = p_body, node = p_node, at = bouncegate.now_ms()
        WHERE s.name = p_name AND s.version = p_version - 1;
    END IF;
    IF NOT FOUND AND NOT EXISTS (
        SELECT FROM bouncegate.secrets AS s
        WHERE s.name = p_name AND s.version = p_version AND s.body = p_body
    ) THEN
        RAISE EXCEPTION 'the secret % is not at version %', p_name, p_version - 1
            USING ERRCODE = 'BG003';
    END IF;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA bouncegate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    bouncegate.announce(text, integer, text, bigint, bigint),
    bouncegate.leave(text),
    bouncegate.put_rates(text, integer[], bytea[], bigint[]),
    bouncegate.put_secret(text, integer, bytea, text)
TO bouncegate_machine;
