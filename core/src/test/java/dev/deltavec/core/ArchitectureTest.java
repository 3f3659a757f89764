package dev.deltavec.core;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** What the core must not touch, so that it runs unchanged on every platform. */
class ArchitectureTest {
  private static final JavaClasses CORE =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.deltavec.core");

  @Test
  void coreKnowsNoPlatform() {
    noClasses()
        .should()
        .dependOnClassesThat(
            resideInAnyPackage(
                "org.teavm..",
                "jdk..",
                "sun..",
                "com.sun..",
                "java.lang.foreign..",
                "java.lang.management..",
                "java.net..",
                "java.nio.channels..",
                "java.nio.file.."))
        .because("platforms differ in them: they come in through the memory seam")
        .check(CORE);
  }

  @Test
  void coreTouchesNoFiles() {
    noClasses()
        .should()
        .dependOnClassesThat(nameMatching("java\\.io\\.(File|RandomAccessFile).*"))
        .check(CORE);
  }

  @Test
  void coreStartsNoThreads() {
    noClasses()
        .should()
        .dependOnClassesThat(
            resideInAnyPackage("java.util.concurrent..")
                .or(
                    nameMatching(
                        "java\\.lang\\.(Thread.*|InheritableThreadLocal|Runtime|Process.*)|java\\.util\\.Timer.*")))
        .check(CORE);
  }

  @Test
  void coreUsesNoReflection() {
    noClasses()
        .should()
        .dependOnClassesThat(
            resideInAnyPackage("java.lang.reflect..")
                .or(nameMatching("java\\.util\\.ServiceLoader|java\\.lang\\.ClassLoader")))
        .orShould()
        .callMethod(Class.class, "forName", String.class)
        .check(CORE);
  }

  @Test
  void coreReadsNoClock() {
    noClasses()
        .should()
        .callMethod(System.class, "currentTimeMillis")
        .orShould()
        .callMethod(System.class, "nanoTime")
        .orShould()
        .dependOnClassesThat(
            resideInAnyPackage("java.time..").or(nameMatching("java\\.util\\.(Date|Calendar)")))
        .because("the caller gives the time")
        .check(CORE);
  }

  @Test
  void coreHasNoRandomSourceOfItsOwn() {
    noClasses()
        .should()
        .callMethod(Math.class, "random")
        .orShould()
        .dependOnClassesThat(
            resideInAnyPackage("java.security..", "java.util.random..")
                .or(nameMatching("java\\.util\\.(Random|SplittableRandom|UUID)")))
        .because("the same deltas must give the same state everywhere")
        .check(CORE);
  }

  @Test
  void coreCallsNoMathThatDiffersBetweenPlatforms() {
    noClasses()
        .should()
        .callMethodWhere(
            target(With.<JavaClass>owner(nameMatching("java\\.lang\\.(Strict)?Math")))
                .and(
                    target(
                        nameMatching(
                            "(a?(sin|cos|tan)h?|atan2|exp|expm1|log|log10|log1p|pow|cbrt|hypot)"))))
        .because("WebAssembly has no such instructions and would import them")
        .check(CORE);
  }
}
