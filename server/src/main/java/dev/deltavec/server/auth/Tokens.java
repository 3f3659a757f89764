package dev.deltavec.server.auth;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.KeySourceException;
import com.nimbusds.jose.jwk.source.ImmutableSecret;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.jwk.source.RateLimitReachedException;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import com.nimbusds.jwt.proc.ExpiredJWTException;
import java.net.MalformedURLException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.text.ParseException;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Checks tokens: JSON Web Tokens signed by HS256 with a secret, or by RS256 or ES256 with keys of a
 * set. Each algorithm takes keys of its own kind only, so a public key never serves as a secret.
 * Thread-safe.
 */
public final class Tokens {
  private static final int MIN_SECRET_BYTES = 32;
  private static final int MAX_TOKEN = 8 << 10;
  private static final int MAX_SUBJECT = 200;

  /** One for each algorithm that is taken. */
  private final Map<JWSAlgorithm, DefaultJWTProcessor<SecurityContext>> processors =
      new HashMap<>();

  /**
   * A checker.
   *
   * @throws IllegalArgumentException if there is neither a secret nor a set of keys, or one is not
   *     good
   */
  public Tokens(TokenOptions options) {
    String secret = options.secret();
    String jwks = options.jwks();
    if (secret == null && jwks == null) {
      throw new IllegalArgumentException(
          "tokens need a secret or a set of keys; to take everybody, say so: auth: {off: true}");
    }
    if (secret != null) {
      byte[] key = secret.getBytes(StandardCharsets.UTF_8);
      if (key.length < MIN_SECRET_BYTES) {
        throw new IllegalArgumentException(
            "the secret of tokens must have " + MIN_SECRET_BYTES + " bytes, not " + key.length);
      }
      add(JWSAlgorithm.HS256, new ImmutableSecret<>(key), options);
    }
    if (jwks != null) {
      JWKSource<SecurityContext> keys = keys(jwks);
      add(JWSAlgorithm.RS256, keys, options);
      add(JWSAlgorithm.ES256, keys, options);
    }
  }

  private static JWKSource<SecurityContext> keys(String jwks) {
    if (!jwks.startsWith("http://") && !jwks.startsWith("https://")) {
      return new KeyFile(Path.of(jwks));
    }
    try {
      return JWKSourceBuilder.<SecurityContext>create(URI.create(jwks).toURL())
          .retrying(true)
          .outageTolerant(true)
          .build();
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException("no URL of keys: " + jwks, e);
    }
  }

  private void add(JWSAlgorithm algorithm, JWKSource<SecurityContext> keys, TokenOptions options) {
    DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(algorithm, keys));
    processor.setJWSTypeVerifier(
        new DefaultJOSEObjectTypeVerifier<>(
            JOSEObjectType.JWT, new JOSEObjectType("at+jwt"), null));
    JWTClaimsSet.Builder exact = new JWTClaimsSet.Builder();
    if (options.issuer() != null) {
      exact.issuer(options.issuer());
    }
    DefaultJWTClaimsVerifier<SecurityContext> claims =
        new DefaultJWTClaimsVerifier<>(
            options.audience() == null ? null : Set.of(options.audience()),
            exact.build(),
            Set.of("sub", "exp"),
            null);
    claims.setMaxClockSkew((int) options.leeway().toSeconds());
    processor.setJWTClaimsSetVerifier(claims);
    processors.put(algorithm, processor);
  }

  /**
   * Checks a token.
   *
   * @param token its text; null for none
   * @return who it speaks for
   * @throws AuthException if it is missing, expired, or not good
   */
  public Subject check(@Nullable String token) throws AuthException {
    if (token == null || token.isEmpty()) {
      throw new AuthException("a token is needed: Authorization: Bearer TOKEN");
    }
    if (token.length() > MAX_TOKEN) {
      throw new AuthException("the token is longer than " + MAX_TOKEN + " characters");
    }
    JWTClaimsSet claims = claims(token);
    String scope;
    try {
      scope = claims.getStringClaim("scope");
    } catch (ParseException e) {
      throw new AuthException("the token's scope is no text");
    }
    String subject = claims.getSubject();
    Date expires = claims.getExpirationTime();
    if (subject.isEmpty() || subject.length() > MAX_SUBJECT) {
      throw new AuthException("the token's subject has not 1 to " + MAX_SUBJECT + " characters");
    }
    List<String> clients = list(claims, "clients");
    List<String> replicas = list(claims, "replicas");
    return new Subject(
        subject,
        Scopes.parse(scope),
        expires.toInstant(),
        clients == null ? null : new HashSet<>(clients),
        replicas == null ? null : replicas(replicas));
  }

  private static @Nullable List<String> list(JWTClaimsSet claims, String name)
      throws AuthException {
    try {
      List<String> list = claims.getStringListClaim(name);
      if (list != null && list.contains(null)) {
        throw new AuthException("the token's claim " + name + " is no list of texts");
      }
      return list;
    } catch (ParseException e) {
      throw new AuthException("the token's claim " + name + " is no list of texts");
    }
  }

  private static Set<Long> replicas(List<String> hex) throws AuthException {
    Set<Long> replicas = new HashSet<>();
    for (String one : hex) {
      if (!one.matches("[0-9a-fA-F]{1,12}")) {
        throw new AuthException("the token's replicas are not 1 to 12 hexadecimal digits each");
      }
      replicas.add(Long.parseLong(one, 16));
    }
    return replicas;
  }

  private JWTClaimsSet claims(String token) throws AuthException {
    try {
      SignedJWT jwt = SignedJWT.parse(token);
      DefaultJWTProcessor<SecurityContext> processor =
          processors.get(jwt.getHeader().getAlgorithm());
      if (processor == null) {
        throw new AuthException("the token's algorithm is not one that is taken here");
      }
      return processor.process(jwt, null);
    } catch (ExpiredJWTException e) {
      throw new AuthException("the token has expired");
    } catch (ParseException | BadJOSEException e) {
      throw new AuthException("the token is not good");
    } catch (RateLimitReachedException e) {
      throw new AuthException("the token's key is not known"); // others have asked for such lately
    } catch (KeySourceException e) {
      throw new AuthException("the token's key cannot be had now", true);
    } catch (JOSEException e) {
      throw new AuthException("the token is not good");
    }
  }
}
